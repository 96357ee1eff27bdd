"""What one person has and nobody else: values planted into a table, and how to find them in files that are shared.

A new kind of value is one more line in `PLANTS`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from synth_engine.workspace import Workspace
from tests.workspace.helpers import tree

N_ROWS = 3_000
Many = Callable[[np.random.Generator], list[Any]]


@dataclass(frozen=True)
class Plant:
    """A column in which one row holds something that must not get out.

    Args:
        name: Name of the column.
        dtype: Its type.
        many: What the others hold.
        secret: What the one holds, as its type takes it.
        traces: Texts that tell of it: as it is written, and in whatever other form it could be stored. Years end with a
            comma, as in a list: numbers of other columns must not be like that.
        encoding: The encoding type; AUTO unless said otherwise.
    """

    name: str
    dtype: pa.DataType
    many: Many
    secret: Any
    traces: tuple[str, ...]
    encoding: str = "AUTO"

    def column(self, with_secret: bool = True) -> pa.Array:
        """The column, the secret last, or as many others."""
        values = self.many(np.random.default_rng(len(self.name)))
        storage = pa.int64() if pa.types.is_timestamp(self.dtype) else self.dtype
        storage = pa.int32() if pa.types.is_date32(self.dtype) else storage
        return pa.array([*values[:-1], self.secret if with_secret else values[0]], storage).cast(self.dtype)


def _chosen(*values: Any) -> Many:
    return lambda rng: rng.choice(np.array(values, object), N_ROWS).tolist()


def _whole(low: int, high: int) -> Many:
    return lambda rng: rng.integers(low, high, N_ROWS).tolist()


def _amounts(rng: np.random.Generator) -> list[Any]:
    return np.round(rng.lognormal(6, 1, N_ROWS), 2).tolist()


def _day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(int))


_DAYS = _whole(_day("2005-01-01"), _day("2020-01-01"))


def _seconds(rng: np.random.Generator) -> list[Any]:
    return (rng.integers(_day("2005-01-01") * 86_400, _day("2020-01-01") * 86_400, N_ROWS) * 1_000).tolist()


PLANTS = [
    Plant("category", pa.string(), _chosen("red", "green", None), "Zoë Æsop-Quux", ("Zoë", "Æsop", "Quux", "\\u00eb")),
    Plant(
        "level",
        pa.dictionary(pa.int16(), pa.string(), ordered=True),
        _chosen("low", "high"),
        "beyond-quux",
        ("beyond",),
    ),
    Plant("amount", pa.float64(), _amounts, 31_415_926.53, ("31415926", "3.1415926")),
    Plant("debt", pa.float64(), _amounts, -27_182_818.28, ("27182818", "2.7182818")),
    Plant("tiny", pa.float64(), _amounts, 0.00161803, ("0.00161803", "0.001618")),
    Plant("count", pa.int64(), _whole(0, 90), 314_159_265_358, ("314159265358",)),
    Plant("discrete", pa.int32(), _whole(0, 9), 161_803, ("161803",), "TABULAR_NUMERIC_DISCRETE"),
    Plant("binned", pa.int32(), _whole(20_000, 90_000), 16_180_339, ("16180339",), "TABULAR_NUMERIC_BINNED"),
    Plant(
        "digits", pa.int64(), _whole(20_000, 90_000), 271_828_182_845, ("271828182845", "e11"), "TABULAR_NUMERIC_DIGIT"
    ),
    Plant("born", pa.date32(), _DAYS, _day("1903-02-17"), ("1903-02-17", "1903,", str(_day("1903-02-17")))),
    Plant(
        "seen",
        pa.timestamp("ms"),
        _seconds,
        _day("2187-10-23") * 86_400_000,
        ("2187,", str(_day("2187-10-23") * 86_400_000)),
    ),
    Plant("precise", pa.timestamp("ms"), lambda rng: [day * 86_400_000 for day in _DAYS(rng)], 86_399_987, ('"ms"',)),
    Plant("missing", pa.int64(), _whole(0, 90), None, ()),
]


def table(with_secrets: bool = True) -> pa.Table:
    """All plants in one table."""
    return pa.table({plant.name: plant.column(with_secrets) for plant in PLANTS})


def encoding_types() -> dict[str, str]:
    """How the columns are to be encoded."""
    return {plant.name: plant.encoding for plant in PLANTS}


def shareable(root: str) -> dict[str, bytes]:
    """Every file that a user may hand over, hidden ones and half-written ones included."""
    return {name: data for name, data in tree(Workspace(root)).items() if not name.startswith("/OriginalData/")}


def found(files: dict[str, bytes]) -> set[str]:
    """Names of the plants of which files tell. Digits inside hashes and encoded schemas are none."""
    text = "\n".join(data.decode(errors="replace") for data in files.values())
    return {
        plant.name
        for plant in PLANTS
        if any(re.search(rf"(?<![0-9A-Za-z+/=]){re.escape(trace)}(?![a-z+/=])", text) for trace in plant.traces)
    }
