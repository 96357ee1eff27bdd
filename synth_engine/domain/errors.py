"""The exceptions raised on purpose. Each message says what was expected, what was found, where, and what to do.

Messages never quote values of the data: logs travel further than tables do.
"""


class UserError(ValueError):
    """Something that the caller can mend. The command line prints it as one line and exits with 2."""


class InputError(UserError):
    """The table or an argument is not what the stage needs."""


class ArtefactError(UserError):
    """A workspace artefact is missing, incomplete, or does not match its manifest."""


class TrainingStoppedError(UserError):
    """Training cannot go on, for example because the loss is no longer finite."""
