"""The exceptions raised on purpose. Each message says what was expected, what was found, where, and what to do.

Messages never quote values of the data, and no secrets of URLs: logs travel further than tables do.
"""

from typing import Any

from synth_engine.domain.urls import without_secrets


class UserError(ValueError):
    """Something that the caller can mend. The command line prints it as one line and exits with 2.

    Guarantees: no URL in its message has a password or a query, wherever the message was made.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*(without_secrets(each) if isinstance(each, str) else each for each in args))


class InputError(UserError):
    """The table or an argument is not what the stage needs."""


class ArtefactError(UserError):
    """A workspace artefact is missing, incomplete, or does not match its manifest."""


class TrainingStoppedError(UserError):
    """Training cannot go on, for example because the loss is no longer finite."""
