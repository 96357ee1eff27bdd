"""One column's summary as an Arrow value, and back: for those who summarise in one process and disclose in another.

Belongs here: the stored form. Does not belong here: where it is stored; under ``OriginalData/``, for it is exact.
"""

from dataclasses import fields
from typing import Any

import pyarrow as pa

from synth_engine.encodings import ValueCounts
from synth_engine.encodings.datetime_relative import RelativeCounts

_COUNTS = ("rows", "entities", "lowest", "highest", "one_each")
_OF_EACH_ROW = ("entities", "lowest", "highest")
_NUMBERS = ("null_rows", "null_entities", "null_one_each", "hidden_entities")
_INTERVALS = "intervals"


def counts_to_arrow(counts: ValueCounts) -> pa.StructArray:
    """An array of one struct. Types of values stay as they are.

    >>> counts_to_arrow(ValueCounts.of(pa.array([2, 1, 2, None])))[0]["rows"].as_py()
    [1, 2]
    """
    assert not counts.is_noisy, "what differential privacy made is disclosed, not stored"
    stored: dict[str, pa.Array] = {"values": _one_list(counts.values)}
    for name in _COUNTS:
        found = getattr(counts, name)
        # None says: the same as `rows`. A merge is faster where that is known.
        is_rows = name in _OF_EACH_ROW and found is counts.rows
        stored[name] = (
            pa.nulls(1, pa.large_list(pa.int64())) if found is None or is_rows else _one_list(pa.array(found))
        )
    stored |= {name: pa.array([getattr(counts, name)], pa.int64()) for name in _NUMBERS}
    levels = None if counts.levels is None else list(counts.levels)
    stored["levels"] = pa.array([levels], pa.large_list(pa.large_string()))
    if isinstance(counts, RelativeCounts):
        stored[_INTERVALS] = pa.nulls(1) if counts.intervals is None else counts_to_arrow(counts.intervals)
    return pa.StructArray.from_arrays(list(stored.values()), names=list(stored))


def counts_from_arrow(array: pa.StructArray) -> ValueCounts:
    """Read what `counts_to_arrow` made."""
    stored = {field.name: array.field(field.name) for field in array.type}
    found: dict[str, Any] = {"values": stored["values"].flatten()}
    for name in _COUNTS:
        is_there = stored[name].null_count == 0
        found[name] = stored[name].flatten().to_numpy() if is_there else None
    found |= {name: found["rows"] for name in _OF_EACH_ROW if found[name] is None}
    found |= {name: stored[name][0].as_py() for name in _NUMBERS}
    levels = stored["levels"][0].as_py()
    found["levels"] = None if levels is None else tuple(levels)
    if _INTERVALS not in stored:
        return ValueCounts(**found)
    intervals = stored[_INTERVALS]
    is_known = not pa.types.is_null(intervals.type)
    return RelativeCounts(**found, intervals=counts_from_arrow(intervals) if is_known else None)


def _one_list(values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)


assert {field.name for field in fields(ValueCounts)} == {"values", *_COUNTS, *_NUMBERS, "levels", "is_noisy"}
