"""A small table of every common kind of column, and an estimator fitted on it. Read it only."""

from collections.abc import Iterator

import pandas as pd
import pytest

from synth_engine import TabularARGN
from tests.estimators.helpers import fast, make_table
from tests.nn.threads import one_thread

__all__ = ["one_thread"]


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """See `make_table`."""
    return make_table()


@pytest.fixture(scope="session")
def fitted(table: pd.DataFrame) -> Iterator[TabularARGN]:
    """Fitted in a temporary workspace. Do not close or change it."""
    with fast(max_epochs=60, tgt_primary_key="id", tgt_encoding_types={"code": "TABULAR_CHARACTER"}) as model:
        yield model.fit(table)


@pytest.fixture(scope="session")
def natural(table: pd.DataFrame) -> Iterator[TabularARGN]:
    """Fitted on three columns (city, plan, visits), in their natural order only."""
    with fast(enable_flexible_generation=False) as model:
        yield model.fit(table[["city", "plan", "visits"]])


@pytest.fixture(scope="session")
def tiny(table: pd.DataFrame) -> Iterator[TabularARGN]:
    """Fitted on two columns of categories, so that all rows that there can be are soon written down."""
    with fast() as model:
        yield model.fit(table[["city", "plan"]])
