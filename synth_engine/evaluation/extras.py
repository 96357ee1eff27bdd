"""Libraries that only figures with a model need: they come with the extra `qa`.

Belongs here: saying so where they are missing, and what all who use them need. Does not belong here: using them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def one_thread() -> Iterator[None]:
    """Let scikit-learn work with one thread.

    A tree is thousands of small parallel pieces, and threads that sleep in between, as this engine asks of OpenMP (see
    `synth_engine`), take longer to wake up than a piece takes: boosting of 20,000 rows takes 2.0 s with two threads and
    0.4 s with one.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="openmp"):
        yield
