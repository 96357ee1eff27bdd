"""Columns of the encoded data: small integers, and lists of structs of these; written and read.

Belongs here: Arrow columns of codes. Does not belong here: how values become codes, files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.encodings.base import Codes
from synth_engine.encodings.list_arrays import Integers, elements_of, offsets_of

SmallCodes = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False)
class ListCodes:
    """Codes of the elements of lists, list by list.

    Args:
        codes: One row for each element: shape (elements, sub-columns).
        offsets: Where the elements of each list begin, and where the last ones end: shape (lists + 1,).
    """

    codes: Codes
    offsets: Integers


def sub_column(column: str, part: str) -> str:
    """Name of a sub-column in the encoded data. Part names have no ``__``, so that names cannot collide."""
    return f"{column}__{part}"


def small_codes(column: str, codes: Codes, cardinalities: Mapping[str, int]) -> dict[str, SmallCodes]:
    """The sub-columns of a column by name, in the smallest unsigned integers that hold their codes."""
    return {
        sub_column(column, part): codes[:, place].astype(np.min_scalar_type(size - 1))
        for place, (part, size) in enumerate(cardinalities.items())
    }


def list_of_structs(columns: Mapping[str, SmallCodes], offsets: Integers) -> pa.Array:
    """Some rows of codes for each subject, as a list of structs.

    Not nullable: Parquet stores and reads nested columns faster without marks of what is null.

    Args:
        columns: Columns of codes, one at least.
        offsets: Where the rows of each subject begin, and where the last ones end: shape (subjects + 1,).
    """
    fields = [pa.field(name, pa.from_numpy_dtype(codes.dtype), nullable=False) for name, codes in columns.items()]
    structs = pa.StructArray.from_arrays([pa.array(codes) for codes in columns.values()], fields=fields)
    kind = pa.list_(pa.field("element", structs.type, nullable=False))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, kind)


def list_codes(column: pa.ChunkedArray) -> ListCodes:
    """Read what `list_of_structs` made."""
    lists = column.combine_chunks()
    structs = elements_of(lists)
    return ListCodes(matrix(structs.flatten(), len(structs)), offsets_of(lists))


def matrix(columns: Sequence[pa.Array | pa.ChunkedArray], n_rows: int) -> Codes:
    """Columns of codes side by side."""
    codes = np.empty((n_rows, len(columns)), np.int32)
    for place, column in enumerate(columns):
        codes[:, place] = column.to_numpy()
    return codes
