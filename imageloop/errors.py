"""Errors for people. Each text says where, what is wrong and what to type; the command line prints it alone, without a traceback.

ImageloopError
├── PlanError        a plan or an option is not right
├── OriginalError    an original cannot be read
├── RoundsError      rounds made elsewhere cannot be read
├── ModelError       a model cannot be named, found or loaded
├── DeviceError      the machine cannot do what was asked
│   └── OutOfMemory  a batch or a model does not fit the memory
└── RunError         a run's folder cannot be used
    ├── ForeignRun   it was made by another plan or recipe
    └── RunLocked    another process works on it
"""


class ImageloopError(Exception):
    """Anything a person can put right."""


class PlanError(ImageloopError):
    """A plan or an option is not right."""


class OriginalError(ImageloopError):
    """An original cannot be read."""


class RoundsError(ImageloopError):
    """Rounds made elsewhere cannot be read."""


class ModelError(ImageloopError):
    """A model cannot be named, found or loaded."""


class DeviceError(ImageloopError):
    """The machine cannot do what was asked."""


class OutOfMemory(DeviceError):
    """A batch or a model does not fit the memory."""


class RunError(ImageloopError):
    """A run's folder cannot be used."""


class ForeignRun(RunError):
    """The folder was made by another plan or recipe."""


class RunLocked(RunError):
    """Another process works on the folder."""
