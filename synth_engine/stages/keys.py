"""New primary keys: unique, of the original type, and unrelated to any original key."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.domain import InputError
from synth_engine.stages.table_schema import as_dictionary


def is_key_type(dtype: pa.DataType) -> bool:
    """Whether keys of this type can be made: text, UUIDs and numbers, also inside dictionaries."""
    if pa.types.is_dictionary(dtype):
        return is_key_type(dtype.value_type)
    is_number = pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
    # A column without any value has the type null; as a key it has no rows.
    return _is_text(dtype) or _is_uuid(dtype) or is_number or pa.types.is_null(dtype)


def counts_up(dtype: pa.DataType) -> bool:
    """Whether keys of this type are consecutive numbers, and not random."""
    if pa.types.is_dictionary(dtype):
        return counts_up(dtype.value_type)
    return not (_is_text(dtype) or _is_uuid(dtype))


def make_keys(
    field: pa.Field,
    n_rows: int,
    start: int,
    rng: np.random.Generator,
    *,
    taken: pa.Array | None = None,
    what: str = "primary key",
) -> pa.Array:
    """Random UUIDs for text, consecutive numbers from `start` + 1 for numbers.

    Args:
        field: The key column.
        n_rows: How many keys.
        start: How many others have been made before.
        rng: Source of the random ones.
        taken: Keys of the field's type that are in use already: numbers pass over them.
        what: What kind of key it is, for errors.

    Guarantees: keys of different calls with the same field and the same `taken` differ from each other, if the ranges
    from `start` on do not overlap, and from those that are taken.

    Raises:
        InputError: the type cannot hold as many different keys.
    """
    if n_rows == 0:
        return pa.array([], field.type)
    try:
        return _keys(field.type, n_rows, _Numbers(start, taken), rng)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(
            f"{what} {field.name!r}: cannot make {start + n_rows} different keys of type {field.type}; "
            "use a text or wider integer key, or a smaller sample_size"
        ) from None


@dataclass(frozen=True, eq=False)
class _Numbers:
    """Whole numbers from 1 on without those that are taken, from the one after the first `start` on."""

    start: int
    taken: pa.Array | None

    def next(self, n_rows: int) -> npt.NDArray[np.int64]:
        """So many of them."""
        numbers = np.arange(self.start + 1, self.start + 1 + n_rows)
        if self.taken is None:
            return numbers
        plain = self.taken.dictionary_decode() if pa.types.is_dictionary(self.taken.type) else self.taken
        last = self.start + n_rows + len(plain)
        passed = np.unique([int(key) for key in plain.to_pylist() if key == int(key) and 1 <= key <= last])
        # as many free numbers lie below each of those that are taken
        free_below = passed.astype(np.int64) - np.arange(1, len(passed) + 1)
        return numbers + np.searchsorted(free_below, numbers, side="left")


def _keys(dtype: pa.DataType, n_rows: int, free: _Numbers, rng: np.random.Generator) -> pa.Array:
    if pa.types.is_dictionary(dtype):
        return as_dictionary(_keys(dtype.value_type, n_rows, free, rng), dtype)
    if _is_uuid(dtype):
        return dtype.wrap_array(pa.array(_uuids(n_rows, rng), dtype.storage_type))
    if _is_text(dtype):
        return pa.array([_as_text(key.hex()) for key in _uuids(n_rows, rng)], dtype)
    found = free.next(n_rows)
    if pa.types.is_floating(dtype) and found[-1] > 2 ** (np.finfo(dtype.to_pandas_dtype()).nmant + 1):
        raise pa.ArrowInvalid("whole numbers beyond this would be rounded, so that some are the same")
    numbers = pa.array(found, pa.int64())
    if pa.types.is_decimal(dtype):  # Arrow asks for room for any 64-bit integer on the way
        numbers = numbers.cast(pa.decimal256(20 + max(dtype.scale, 0), max(dtype.scale, 0)))
    return numbers.cast(dtype)


def _is_text(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))


def _is_uuid(dtype: pa.DataType) -> bool:
    return isinstance(dtype, pa.BaseExtensionType) and dtype.extension_name == "arrow.uuid"


def _uuids(n_rows: int, rng: np.random.Generator) -> list[bytes]:
    """Random (version 4) UUIDs, RFC 9562."""
    raw = np.frombuffer(rng.bytes(16 * n_rows), np.uint8).reshape(n_rows, 16).copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    data = raw.tobytes()
    return [data[i : i + 16] for i in range(0, 16 * n_rows, 16)]


def _as_text(key: str) -> str:
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"
