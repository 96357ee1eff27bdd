"""Columns of every flat Arrow type for the law tests, and the ways to fit and count them.

A column is a small pool of values drawn by hypothesis, spread over many rows by a seeded generator: popular values,
rare ones, nulls, and values that occur once, without a draw per row.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from synth_engine.encodings import Encoding, character
from synth_engine.encodings.calendar import first_days, units_per_day
from synth_engine.encodings.character import CharacterEncoding
from synth_engine.encodings.meanings import Reserved
from synth_engine.encodings.registry import Fitter, fitter, supported_types
from synth_engine.privacy import Budget, ValueProtection, seeded_source

FITTERS = [fitter(kind) for kind in supported_types()]
ENCODINGS = [by for by in FITTERS if issubclass(by, Encoding)]
"""Those that are no choice between others, as AUTO is."""

INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]
DECIMALS = [
    pa.decimal128(3, 0),
    pa.decimal128(5, 2),
    pa.decimal128(18, 18),
    pa.decimal128(38, 0),
    pa.decimal128(38, 18),
    pa.decimal256(76, 0),
    pa.decimal256(50, 30),
    pa.decimal256(10, 4),
    pa.decimal32(7, 2),
    pa.decimal64(18, 6),
]
TIMES = [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
DURATIONS = [pa.duration(unit) for unit in ("s", "ms", "us", "ns")]
DATES = [pa.date32(), pa.date64()]
TIMESTAMPS = [pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "Asia/Kathmandu")]
TEXTS = [pa.string(), pa.large_string(), pa.string_view()]
DICTIONARIES = [
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.large_string(), ordered=True),
    pa.dictionary(pa.uint8(), pa.int64()),
    pa.dictionary(pa.int16(), pa.float64()),
    pa.dictionary(pa.int64(), pa.bool_()),
    pa.dictionary(pa.int8(), pa.timestamp("us", "UTC"), ordered=True),
    pa.dictionary(pa.int8(), pa.decimal128(5, 2)),
    pa.dictionary(pa.int8(), pa.null()),
]
BYTES = [pa.binary(), pa.large_binary(), pa.binary(3), pa.uuid()]
NUMBERS = [*INTEGERS, *FLOATS, *DECIMALS, *TIMES, *DURATIONS]
TYPES = [*NUMBERS, *DATES, *TIMESTAMPS, *TEXTS, *BYTES, *DICTIONARIES, pa.bool_(), pa.null()]

_TIME_ENDS = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def accepted(by: Fitter) -> list[pa.DataType]:
    """The types that an encoding type takes."""
    return [dtype for dtype in TYPES if by.accepts(dtype)]


def has_room(by: Fitter) -> bool:
    """Whether there can be a value that only one has: there are too few different booleans to tell."""
    return any(not pa.types.is_boolean(dtype) for dtype in accepted(by))


def overriding(method: str) -> set[str]:
    """Types of the encodings that have an answer of their own where the contract has a default."""
    return {by.type for by in ENCODINGS if getattr(by, method) is not getattr(Encoding, method)}


def _whole(dtype: pa.DataType) -> tuple[int, int]:
    """The range of the integers behind a type."""
    if pa.types.is_integer(dtype):
        info = np.iinfo(dtype.to_pandas_dtype())
        return int(info.min), int(info.max)
    if pa.types.is_time(dtype):
        return 0, _TIME_ENDS[dtype.unit] - 1
    if pa.types.is_date(dtype) or pa.types.is_timestamp(dtype):
        low, high = (int(day) * units_per_day(dtype) for day in first_days(np.array([1, 10_000])))
        return max(low, -(2**63) + 1), min(high - 1, 2**63 - 1)
    if pa.types.is_decimal(dtype):
        return 1 - 10**dtype.precision, 10**dtype.precision - 1
    return -(2**63) + 1, 2**63 - 1


def _width(dtype: pa.DataType) -> int:
    return {pa.float16(): 16, pa.float32(): 32}.get(dtype, 64)


def elements(dtype: pa.DataType) -> st.SearchStrategy:
    """Python values behind a type, the peculiar ones more often: integers for whatever is whole."""
    if pa.types.is_boolean(dtype):
        return st.booleans()
    if pa.types.is_null(dtype):
        return st.none()
    if pa.types.is_floating(dtype):
        width = _width(dtype)
        return st.floats(allow_nan=True, allow_infinity=False, width=width) | st.sampled_from([0.0, -0.0, 1.0, 0.5])
    if dtype in TEXTS:
        peculiar = ["", "_RARE_", "null", "\0", "é", "e\N{COMBINING ACUTE ACCENT}", "👩‍👩‍👧", "A", "a", "x" * 2_000]
        places = ["0,0", "48.2082,16.3738", " -90 , +180.000", "90,-180", "1e-05,-.5", "91,0", "1,2,3", "1.5, nan"]
        return st.sampled_from(peculiar) | st.sampled_from(places) | st.text(max_size=6)
    if dtype in BYTES:
        width = _byte_width(dtype)
        return st.binary(min_size=width or 0, max_size=width or 5)
    low, high = _whole(dtype)
    near = st.integers(max(low, -100), min(high, 100))
    return near | st.integers(low, high) | st.sampled_from([low, low + 1, high - 1, high])


def build(values: list, dtype: pa.DataType) -> pa.Array:
    """An array from values as `elements` gives them, None for null."""
    if pa.types.is_dictionary(dtype):
        return _dictionary(values, dtype)
    if isinstance(dtype, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(dtype, pa.array(values, dtype.storage_type))
    if pa.types.is_decimal(dtype):
        texts = [None if value is None else Decimal((value < 0, _digits(value), -dtype.scale)) for value in values]
        wide = pa.decimal256(76, dtype.scale) if dtype.bit_width == 256 else pa.decimal128(38, dtype.scale)
        return pa.array(texts, wide).cast(dtype)
    if pa.types.is_float16(dtype):
        plain = np.array([np.nan if value is None else value for value in values], np.float16)
        return pa.array(plain, mask=np.array([value is None for value in values], np.bool_))
    if pa.types.is_temporal(dtype):
        if pa.types.is_date64(dtype):  # whole days, in milliseconds
            values = [None if value is None else value // 86_400_000 * 86_400_000 for value in values]
        is_short = pa.types.is_date32(dtype) or pa.types.is_time32(dtype)
        return pa.array(values, pa.int32() if is_short else pa.int64()).cast(dtype)
    return pa.array(values, dtype)


def _byte_width(dtype: pa.DataType) -> int | None:
    storage = dtype.storage_type if isinstance(dtype, pa.BaseExtensionType) else dtype
    return storage.byte_width if pa.types.is_fixed_size_binary(storage) else None


def _digits(value: int) -> tuple[int, ...]:
    return tuple(int(digit) for digit in str(abs(value)))


def _dictionary(values: list, dtype: pa.DataType) -> pa.Array:
    distinct = list(dict.fromkeys(value for value in values if value is not None))
    if pa.types.is_null(dtype.value_type):
        indices, dictionary = pa.array([0 for _ in values], dtype.index_type), pa.nulls(1)
    else:
        places = {value: place for place, value in enumerate(distinct)}
        indices = pa.array([places.get(value) for value in values], dtype.index_type)
        dictionary = build(distinct, dtype.value_type)
    return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=dtype.ordered)


def element_type(dtype: pa.DataType) -> pa.DataType:
    """The type of the values, also of a dictionary."""
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype


@st.composite
def columns(draw, dtype: pa.DataType, max_rows: int = 400) -> pa.Array:
    """A column: a few values, each in a different number of rows, and often many more that occur about once."""
    pool = draw(st.lists(elements(element_type(dtype)) | st.none(), min_size=1, max_size=8))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    n_rows = draw(st.sampled_from([0, 1, 2, 30, 31, 33, 60, max_rows]))
    weights = rng.dirichlet(np.full(len(pool), 0.5))
    values = [pool[place] for place in rng.choice(len(pool), n_rows, p=weights)]
    if draw(st.booleans()) and n_rows:
        places = rng.permutation(n_rows)[: int(n_rows * rng.random())]
        for place, value in zip(places, spread(element_type(dtype), len(places), rng), strict=True):
            values[place] = value
    if pa.types.is_dictionary(dtype):  # room for the rare token beside them in 8 bits
        few = dict.fromkeys(values[:100])
        values = [value if value in few else None for value in values]
    return build(values, dtype)


def spread(dtype: pa.DataType, size: int, rng: np.random.Generator) -> list:
    """Many values as `elements` gives them: evenly over a range, whose size is anything from 1 to all of the type."""
    if pa.types.is_boolean(dtype) or pa.types.is_null(dtype):
        return [None] * size
    if dtype in TEXTS:
        form = rng.choice(["v{0}", "AB-{0:07}", "{1:.4f},{2:.4f}", "{1},{2:.0f}"])
        degrees = np.clip(rng.standard_normal((2, size)) * 10 ** rng.uniform(-3, 2, (2, 1)), -90, 90)
        return [form.format(*parts) for parts in zip(rng.integers(0, 10**6, size), *degrees, strict=True)]
    if dtype in BYTES:
        return [rng.bytes(_byte_width(dtype) or 4) for _ in range(size)]
    if pa.types.is_floating(dtype):
        largest = float(np.finfo(f"float{_width(dtype)}").max)
        scale = min(10.0 ** rng.uniform(-12, 12), largest / 10)
        numbers = np.round(rng.standard_normal(size) * scale, int(rng.integers(0, 4)))
        return numbers.astype(f"float{_width(dtype)}").astype(float).tolist()
    low, high = _whole(dtype)
    width = min(int(10 ** rng.uniform(0, 80)), high - low)
    start = low + int(rng.random() * (high - low - width))
    step = int(rng.choice([1, 1, 10, 60, 1000]))
    return [min(start + int(rng.random() * width) // step * step, high) for _ in range(size)]


@dataclass(frozen=True)
class Fitted:
    """An encoding and the column that it was fitted to."""

    column: pa.Array
    encoding: object
    protection: ValueProtection


def fit(
    by: Fitter,
    column: pa.Array,
    *,
    enabled: bool = True,
    private: bool = False,
    seed: int = 0,
    entities: np.ndarray | None = None,
):
    """The encoding of a column; `private` with differential privacy, of an epsilon that leaves something to see."""
    counts, random = by.summarise(column, entities), np.random.default_rng(seed)
    if private:
        budget = Budget(50.0, 1e-3, seeded_source(np.random.default_rng(seed)), records=len(column))
        counts, enabled = by.release(counts, column.type, budget), False
    return by.fit(counts, column.type, ValueProtection(enabled=enabled), random)


def reserved(encoding: Encoding, codes: np.ndarray) -> np.ndarray:
    """Which rows of codes are those of null and rare."""
    if isinstance(encoding, CharacterEncoding):
        positions = codes[:, 1:] if encoding.atoms else codes
        is_rare = (positions == character.RARE_CODE).any(axis=1)
        if encoding.atoms:  # what is drawn of a kind may happen to make an atom
            shown = [character.N_RESERVED + len(encoding.positions[place].characters) for place in encoding._drawn]
            is_rare |= (positions[:, : len(shown)] >= np.array(shown, np.int64)).any(axis=1)
        if encoding.atoms and not encoding.positions:
            is_rare = codes[:, 0] == character.SPELLED_CODE
        return (codes[:, 0] == character.NULL_CODE) | is_rare
    first = next(iter(encoding.meanings().values()))
    is_reserved = np.array([label in (Reserved.NULL, Reserved.RARE) for label in first.labels])
    return is_reserved[codes[:, 0]]
