"""Arrow arrays of lists: taken apart into elements and lengths, and put together again.

Belongs here: layout in memory. Does not belong here: what elements mean, which columns may hold lists.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]


def is_list(dtype: pa.DataType) -> bool:
    """Whether values of the type are lists, of whatever length and layout.

    >>> is_list(pa.list_(pa.int8(), 3)), is_list(pa.large_list_view(pa.string())), is_list(pa.string())
    (True, True, False)
    """
    is_plain = pa.types.is_list(dtype) or pa.types.is_large_list(dtype) or pa.types.is_fixed_size_list(dtype)
    return bool(is_plain or pa.types.is_list_view(dtype) or pa.types.is_large_list_view(dtype))


def elements_of(lists: pa.Array) -> pa.Array:
    """The elements of all lists, one list after the other; a null list has none."""
    return pc.list_flatten(lists)


def lengths_of(lists: pa.Array) -> pa.Array:
    """Number of elements of each list as ``int64``, null where the list is."""
    return pc.list_value_length(lists).cast(pa.int64())


def offsets_of(lists: pa.Array) -> Integers:
    """Where the elements of each list begin in `elements_of`, and where the last ones end: shape (lists + 1,)."""
    lengths = lengths_of(lists).fill_null(0).to_numpy()
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def with_elements(lists: pa.Array, elements: pa.Array) -> pa.Array:
    """Large lists as long as these, and null where these are, with other elements; as many as `elements_of` gives."""
    return pa.LargeListArray.from_arrays(pa.array(offsets_of(lists)), elements, mask=lists.is_null())
