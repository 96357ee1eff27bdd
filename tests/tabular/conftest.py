"""Fixtures of the tests of the tabular model: a network that has learned the known table."""

import pytest

from synth_engine.tabular.sizes import Sizes
from tests.nn.threads import one_thread
from tests.tabular.helpers import new_network, train_on
from tests.tabular.known_joint import COLUMNS, Learned, draw_rows

__all__ = ["one_thread"]


@pytest.fixture(scope="session")
def learned() -> Learned:
    """Trained in a few seconds. Copy the network before changing it."""
    training, validation = draw_rows(6000, seed=0), draw_rows(1500, seed=1)
    network = new_network(COLUMNS, 0, Sizes(embedding=8, hidden=32))
    outcome, history, best = train_on(network, training, validation, epochs=20)
    return Learned(training, validation, outcome, history, best)
