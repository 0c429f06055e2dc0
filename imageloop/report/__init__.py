"""The report of a run: the gallery, a contact sheet and figures, all made from the run's folder alone."""

from imageloop.report.gallery import Gallery
from imageloop.report.page import write_report

__all__ = ["Gallery", "write_report"]
