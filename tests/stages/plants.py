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
        is_known: Whether what it tells of is known without the data, such as years, digits and squares of the earth, so
            that noise can look like it. Texts are not.
        own_traces: Texts that tell of it in the encoding of its own column only.
    """

    name: str
    dtype: pa.DataType
    many: Many
    secret: Any
    traces: tuple[str, ...]
    encoding: str = "AUTO"
    is_known: bool = True
    own_traces: tuple[str, ...] = ()

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


def _texts(form: str) -> Many:
    """Texts that are all different, of letters and digits."""
    return lambda rng: [form.format("".join(rng.choice(list("bcdefg"), 6)), row) for row in range(N_ROWS)]


def _rare_kanji(rng: np.random.Generator) -> list[Any]:
    """Texts of which a fiftieth have a kanji, a different one each: of these only the kind may be known."""
    texts = _texts("{0}")(rng)
    return [f"{chr(0x4E00 + row)}{text[1:]}" if row % 50 == 0 else text for row, text in enumerate(texts)]


def _places(rng: np.random.Generator) -> list[Any]:
    return [f"{north:.4f},{east:.4f}" for north, east in rng.normal([48.2, 16.4], 0.5, (N_ROWS, 2))]


def _squares(row: int, column: int) -> tuple[str, ...]:
    """Ends of the cells around a place, but for those of a continent's size."""
    return tuple(f"{level}, {row >> level}, {column >> level} ]" for level in range(18))


PLANTS = [
    Plant(
        "category",
        pa.string(),
        _chosen("red", "green", None),
        "Zoë Æsop-Quux",
        ("Zoë", "Æsop", "Quux", "\\u00eb"),
        is_known=False,
    ),
    Plant(
        "level",
        pa.dictionary(pa.int16(), pa.string(), ordered=True),
        _chosen("low", "high"),
        "beyond-quux",
        ("beyond",),
        is_known=False,
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
    Plant("missing", pa.int64(), _whole(0, 90), None, (), own_traces=('"has_nulls": true',)),
    Plant("name", pa.string(), _texts("{0}"), "Þórquux", ("Þ", "ó", "Þórquux"), "TABULAR_CHARACTER", is_known=False),
    Plant("code", pa.string(), _texts("{0}-{1:04}"), "Ðaß", ("Ð", "ß", "Ðaß"), is_known=False),
    Plant("family", pa.string(), _rare_kanji, "鑢bcd", ("鑢", "\\u9462"), "TABULAR_CHARACTER", is_known=False),
    Plant(
        "letter",
        pa.string(),
        _texts("{0}"),
        "Dearest Quuxine, " + "ever yours, " * 9,
        ("Quuxine",),
        "TABULAR_CHARACTER",
        is_known=False,
    ),
    Plant(
        "spot",
        pa.string(),
        _places,
        "48.2123456789012,16.4",
        ("48.2123456789012",),
        "TABULAR_LAT_LONG",
        is_known=False,
    ),
    Plant("where", pa.string(), _places, "-33.8568,151.2153", _squares(561_432, 3_312_153), "TABULAR_LAT_LONG"),
    Plant("there", pa.string(), _places, "-22.9519,-43.2105", _squares(670_481, 1_367_895)),
]

# Of the events of a subject: their number, and the first date and the intervals of the one who holds the secrets.
N_EVENTS = 1_729
LENGTHS = Plant("number of events", pa.int64(), _whole(1, 4), N_EVENTS, (f'"max": {N_EVENTS}',))
VISITED = Plant(
    "visited",
    pa.date32(),
    _whole(5, 30),
    _day("2243-10-23"),
    ("2243,", "27961"),
    "TABULAR_DATETIME_RELATIVE",
)
RELATED_PLANTS = [*PLANTS, LENGTHS, VISITED]


def table(with_secrets: bool = True) -> pa.Table:
    """All plants in one table."""
    return pa.table({plant.name: plant.column(with_secrets) for plant in PLANTS})


def related() -> tuple[pa.Table, pa.Table]:
    """Events and their subjects; who holds the secrets has them in both tables, and in very many rows."""
    subjects = table()
    rng = np.random.default_rng(0)
    lengths = np.append(rng.integers(1, 4, N_ROWS - 1), N_EVENTS)
    owner = np.repeat(np.arange(N_ROWS), lengths)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    days = _day("2015-01-01") + owner % 365 + number * rng.integers(5, 30, len(owner))
    days[-N_EVENTS:] = VISITED.secret - 27_961 * (np.arange(N_EVENTS)[::-1] % 2)
    events = subjects.take(pa.array(owner)).append_column("visited", pa.array(days, pa.int32()).cast(pa.date32()))
    return events.append_column("owner", pa.array(owner)), subjects.append_column("id", pa.array(np.arange(N_ROWS)))


def encoding_types(plants: list[Plant] = PLANTS) -> dict[str, str]:
    """How the columns are to be encoded."""
    return {plant.name: plant.encoding for plant in plants}


def shareable(root: str) -> dict[str, bytes]:
    """Every file that a user may hand over, hidden ones and half-written ones included."""
    return {name: data for name, data in tree(Workspace(root)).items() if not name.startswith("/OriginalData/")}


def found(files: dict[str, bytes]) -> set[str]:
    """Names of the plants of which files tell."""
    text = one_line("\n".join(data.decode(errors="replace") for data in files.values()))
    return {plant.name for plant in RELATED_PLANTS if tells(text, plant.traces)}


def one_line(text: str) -> str:
    """The text as traces are written."""
    return re.sub(r"\s+", " ", text)


# Whole words only: what is derived from a plant, such as a code or an end of a range, is never one.
_HASH = re.compile(r"(?<![0-9A-Za-z_.+/=])(?=[0-9]*[a-f])[0-9a-f]{32,}(?![0-9A-Za-z_.+/=])")


def tells(text: str, traces: tuple[str, ...]) -> bool:
    """Whether one of the traces is in a line. Digits inside hashes and encoded schemas are none."""
    text = _HASH.sub("", text)  # one of 400 hashes begins with e11 and a digit, say
    return any(re.search(rf"(?<![0-9A-Za-z+/=]){re.escape(trace)}(?![a-z+/=])", text) for trace in traces)
