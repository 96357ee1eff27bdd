"""Keys that relate rows to subjects: what they must be, and which rows belong to whom.

Belongs here: checks of primary and context keys, matching the two tables. Does not belong here: files, new keys (those
are in `keys`).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import InputError
from synth_engine.stages.keys import is_key_type

Integers = npt.NDArray[np.int64]


def check_primary_key(table: pa.Table, key: str | None, argument: str) -> None:
    """Raise `InputError` unless the key is a column of the table with a unique value in every row.

    Args:
        table: Whose key it is.
        key: Its name; None is fine.
        argument: Parameter that names the key, for the error.
    """
    if key is None:
        return
    values = _key_values(table, key, argument)
    repeated = len(values) - int(pc.count_distinct(values).as_py())
    if repeated:
        raise InputError(
            f"{argument}: column {key!r} must be unique, found {repeated} repeated value(s); "
            "remove the duplicates or choose another key"
        )


def _key_values(table: pa.Table, key: str, argument: str) -> pa.Array:
    if key not in table.column_names:
        raise InputError(f"{argument}: expected a column of the table, found {key!r}; correct the name")
    column = table[key]
    if not is_key_type(column.type):
        raise InputError(
            f"{argument}: column {key!r} must be text or numbers, found {column.type}; "
            f"convert it to text, or leave {argument} out"
        )
    values = comparable(column)
    n_nulls = pc.sum(pc.is_null(values, nan_is_null=True)).as_py() or 0
    if n_nulls:
        raise InputError(f"{argument}: column {key!r} must not have nulls, found {n_nulls}; drop or fill these rows")
    return values


@dataclass(frozen=True, eq=False)
class Subjects:
    """Whom each row of a table belongs to, where rows are events of subjects.

    Args:
        places: The subject of each row, as an index.
        size: Number of subjects, those without a row included.
    """

    places: Integers
    size: int

    @classmethod
    def of(
        cls,
        events: pa.Table,
        key: str,
        context: pa.Table | None = None,
        context_key: str | None = None,
        argument: str = "tgt_context_key",
    ) -> Self:
        """The subjects of a table: the rows of its context table or, without one, its distinct keys as they appear.

        Args:
            events: The target table.
            key: Its context key.
            context: The context table.
            context_key: The primary key of that, already checked.
            argument: Whose fault it would be, for errors.

        Raises:
            InputError: a key that is missing, null, of another type than in the context table, or not found there.
        """
        values = _key_values(events, key, argument)
        if context is None:
            return cls._in_order_of_appearance(values)
        assert context_key is not None
        try:
            values, known = _same_type(values, comparable(context[context_key]))
        except pa.ArrowException:
            raise InputError(
                f"{argument}: column {key!r} of tgt_data holds {events.schema.field(key).type}, and column "
                f"{context_key!r} of ctx_data {context.schema.field(context_key).type}, which cannot be compared; "
                "convert one of them to the type of the other"
            ) from None
        return cls._found_in(values, known, key, argument)

    @classmethod
    def _in_order_of_appearance(cls, values: pa.Array) -> Self:
        if len(values) == 0:
            return cls(np.zeros(0, np.int64), 0)
        encoded = values.dictionary_encode()
        return cls(encoded.indices.to_numpy().astype(np.int64), len(encoded.dictionary))

    @classmethod
    def _found_in(cls, values: pa.Array, context: pa.Array, key: str, argument: str) -> Self:
        if len(values) == 0:
            return cls(np.zeros(0, np.int64), len(context))
        places = pc.index_in(values, value_set=context)
        if places.null_count:
            raise InputError(
                f"{argument}: column {key!r} must refer to rows of ctx_data, found {places.null_count} row(s) "
                "whose key is not there; remove these rows, or add the missing ones to ctx_data"
            )
        return cls(places.to_numpy().astype(np.int64), len(context))

    @property
    def lengths(self) -> Integers:
        """Number of rows of each subject."""
        return np.bincount(self.places, minlength=self.size).astype(np.int64)

    @property
    def ordinals(self) -> Integers:
        """How many rows of the same subject come before each row, once rows are grouped by subject."""
        return np.arange(len(self.places)) - self.offsets[self.places]

    @property
    def offsets(self) -> Integers:
        """Where the rows of each subject begin, and where the last ones end, once rows are grouped by subject."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    def reordered(self, order: Integers) -> tuple[Self, Integers]:
        """The same subjects in another order, and the rows grouped by them; each subject's rows keep their order.

        Args:
            order: Index of the subject that comes first, second and so on.

        Returns:
            The subjects of the rows as grouped, and the index of the row that comes first, second and so on.
        """
        rank = np.empty(self.size, np.int64)
        rank[order] = np.arange(self.size)
        places = rank[self.places]
        rows = np.argsort(places, kind="stable")
        return type(self)(places[rows], self.size), rows


def comparable(column: pa.ChunkedArray) -> pa.Array:
    """Keys in one of few types: large strings, UUIDs as bytes, 64-bit numbers, wide decimals."""
    dtype = column.type
    if pa.types.is_dictionary(dtype):
        return comparable(column.cast(dtype.value_type))
    if isinstance(dtype, pa.BaseExtensionType):
        return comparable(column.cast(dtype.storage_type))
    if pa.types.is_string(dtype):
        column = column.cast(pa.large_string())
    elif pa.types.is_floating(dtype):
        column = column.cast(pa.float64())
    elif pa.types.is_decimal(dtype):
        column = column.cast(pa.decimal256(76, dtype.scale))
    elif pa.types.is_integer(dtype) and not pa.types.is_uint64(dtype):
        column = column.cast(pa.int64())
    return column.combine_chunks()


def _same_type(values: pa.Array, context: pa.Array) -> tuple[pa.Array, pa.Array]:
    common = _common_type(values.type, context.type)
    return values.cast(common), context.cast(common)


def _common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type in which two comparable keys can be compared exactly; raises `pa.ArrowInvalid` if there is none."""
    for first, second in ((one, other), (other, one)):
        if first == second or pa.types.is_null(second):
            return first
        # Whole floats are what pandas makes of integers beside a missing one; others do not cast, and are refused.
        if pa.types.is_integer(first) and pa.types.is_floating(second):
            return first
        if pa.types.is_decimal(first) and (pa.types.is_decimal(second) or pa.types.is_integer(second)):
            scale = max(first.scale, second.scale if pa.types.is_decimal(second) else 0)
            return pa.decimal256(76, scale)
    if pa.types.is_integer(one) and pa.types.is_integer(other):
        return pa.decimal256(76, 0)
    raise pa.ArrowInvalid("text, UUIDs, floats and exact numbers are different things")
