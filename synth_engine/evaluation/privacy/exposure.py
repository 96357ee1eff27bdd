"""How exposed rows are: how far from all others, and how near to what came out.

Belongs here: distances of given rows. Does not belong here: whose rows they are, what follows.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.evaluation.privacy.features import Space, prepare
from synth_engine.evaluation.privacy.neighbours import nearest

Scores = npt.NDArray[np.float64]


def isolation_of(table: pa.Table, *, keys: Sequence[str] = ()) -> Scores:
    """Distance of each row to its nearest other one, shape (R,), one column that differs wholly being 1.

    Args:
        table: Two rows at least.
        keys: Columns to ignore.
    """
    prepared = prepare(table, table, table, keys=keys)
    points = Space.of(prepared).points(prepared.training)
    return np.asarray(nearest(points, points, k=2)[0][:, 1], np.float64)


def nearness_to(synthetic: pa.Table, rows: pa.Table, *, keys: Sequence[str] = ()) -> Scores:
    """Of each of the rows, minus its distance to the nearest synthetic one, shape (R,)."""
    prepared = prepare(rows, rows, synthetic, keys=keys)
    space = Space.of(prepared)
    distances = nearest(space.points(prepared.training), space.points(prepared.synthetic))[0]
    return np.asarray(-distances[:, 0], np.float64)
