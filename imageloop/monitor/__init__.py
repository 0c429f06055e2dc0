"""The monitor: early signs that chains collapse, seen while they run. Rules are `imageloop.watch.KINDS`; each alarm names its round."""

from imageloop.monitor.alarms import Alarm, alarms_of, told
from imageloop.monitor.watching import Watch, refuse_unseen

__all__ = ["Alarm", "Watch", "alarms_of", "refuse_unseen", "told"]
