"""Libraries that only figures with a model need: they come with the extra `qa`.

Belongs here: saying so where they are missing. Does not belong here: using them.
"""

from importlib.util import find_spec

from synth_engine.domain import InputError


def check_installed(what: str) -> None:
    """Raise `InputError` where scikit-learn is missing.

    Args:
        what: What needs it, which the message begins with.
    """
    if find_spec("sklearn") is None:
        raise InputError(
            f"{what}: expected the libraries of the quality report, found no sklearn; "
            "install them: pip install 'synth-engine[qa]'"
        )
