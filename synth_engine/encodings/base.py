"""The contract of an encoding.

A fitted encoding is a frozen pydantic model; its JSON is what ``stats.json`` holds. It is shareable: nothing about
fewer entities than value protection asks for may be in it.

Nearly all encodings look at values alone. A relative one needs to know as well where sequences begin. So stages encode
and decode by `encode_events` and `decode_events`, which are told whom each row belongs to: a sequence is a run of rows
of one entity. An encoding to which that does not matter leaves them as they are.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.domain.arrow_types import ArrowType
from synth_engine.encodings.meanings import Meanings
from synth_engine.encodings.numeric import null_mask
from synth_engine.encodings.released_values import release_values
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection

Codes = npt.NDArray[np.int32]
Entities = npt.NDArray[np.int64]
"""Whom each row belongs to, as any integers; rows of one entity lie next to each other."""


class Encoding(BaseModel, ABC):
    """A fitted encoding of one column.

    Every encoding reserves a code for null, whether or not nulls were seen: any value whatsoever can be encoded.

    Laws (tested for every registered encoding, for rows and for events):
        - ``0 <= code < cardinality`` for any value of a fitting type, also unseen ones, unless `canonical` refuses it;
        - ``encode(decode(codes, rng)) == codes`` for codes that encode real values, those of null and rare left out;
        - ``decode`` gives exactly ``dtype``, and null only for the codes of null and rare;
        - every code of every sub-column has a meaning that no other has; a value that two encodings keep exactly has
          codes of the same meaning in both;
        - where values have an order, `extent` holds what `decode` gives, the extents of longer beginnings cover that of
          a shorter one, and the exact form of every value is a multiple of `step`;
        - of no sub-column all codes are never drawn; the code of null is drawn only where enough entities have nulls,
          or where no value at all may be shown;
        - the JSON restores an equal encoding, and holds no value of fewer entities than value protection asks for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[ModelEncodingType]

    dtype: ArrowType
    has_nulls: bool

    @classmethod
    @abstractmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Whether columns of this Arrow type can be encoded."""

    @classmethod
    @abstractmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """The values as the encoding counts them; raises `InputError` for values that it cannot take."""

    @classmethod
    def summarise(cls, values: pa.Array, entities: npt.NDArray[np.int64] | None = None) -> ValueCounts:
        """Sensitive summary of one partition."""
        return ValueCounts.of(cls.canonical(values), entities)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """The summary with differential privacy: what `fit` is given instead of the exact one, with protection off.

        This is the only place that sees the exact summary then, so nothing that `fit` finds out (nulls, bounds, bins,
        digits, parts of dates) can leak or needs a budget of its own. As it stands here, only values that many entities
        stand for are left: right for categories, and safe for anything. Override it where values are rarely equal.

        Guarantees: (ε, δ)-differential privacy with the budget's ε and δ; the exact summary is looked at through
        `ValueCounts.contributions` and the budget's mechanisms alone.
        """
        return release_values(counts, budget)

    @classmethod
    @abstractmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """The shareable encoding of a summary; the only place where privacy is spent."""

    @property
    @abstractmethod
    def cardinalities(self) -> dict[str, int]:
        """Number of codes of each sub-column, in their natural order."""

    @abstractmethod
    def encode(self, values: pa.Array) -> Codes:
        """Codes of shape (rows, sub-columns)."""

    @abstractmethod
    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Values of type `dtype`, for codes of shape (rows, sub-columns)."""

    def encode_events(self, values: pa.Array, entities: Entities | None) -> Codes:
        """The same as `encode`, for values that are events of sequences.

        Args:
            values: The column, sequence by sequence.
            entities: Whom each row belongs to; None where every row is a sequence of its own, as `encode` takes it.
        """
        return self.encode(values)

    def decode_events(
        self, codes: Codes, entities: Entities | None, rng: np.random.Generator, known: pa.Array | None = None
    ) -> pa.Array:
        """Inverse of `encode_events`.

        Args:
            codes: Codes of shape (rows, sub-columns), sequence by sequence.
            entities: As in `encode_events`.
            rng: Source of randomness.
            known: Values of rows that need no decoding, as their exact values are known; null in all others. Those of
                other rows may depend on them. What is decoded in their own place does not matter.
        """
        return self.decode(codes, rng)

    @abstractmethod
    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Codes of each sub-column that generation must not draw, such as a null code where there are no nulls."""

    @abstractmethod
    def meanings(self) -> Mapping[str, Meanings]:
        """What the codes of each sub-column mean, in terms that encodings have in common.

        Lets a network that was trained on other data keep what it knows. Told by the JSON, reads no data.
        """

    def named_codes(self) -> Mapping[str, int]:
        """Codes by the values as Python writes them, where every value is one code of the only sub-column."""
        return {}

    def extent(self, codes: Codes) -> tuple[pa.Array, pa.Array] | None:
        """The smallest and the largest value that codes which begin like these can stand for, null where that is null.

        Lets values be compared before all of their codes are known. None where values have no order.

        Args:
            codes: The first sub-columns of each row, one or more: shape (rows, number of them).
        """
        return None

    def step(self) -> Fraction | None:
        """What all values are multiples of, in their exact form; None where they may be any number of their type.

        Means something only where values have an order.
        """
        return None

    def outcomes(self) -> list[Any] | None:
        """What each code of the first sub-column alone tells of a value: the value, a `Range`, or None for null.

        Dates are told by their year. None in place of the list: too little, as with the first letter of a name.
        """
        return None

    def ranks(self) -> Mapping[str, list[float]]:
        """For sub-columns whose codes are ordered: the place of each code on 0 to 1, NaN for reserved codes.

        Lets the network know that neighbouring codes mean nearly the same. Depends on the codes' order only, not on
        how often they occur.
        """
        return {}


def draws_nulls(encoding: Encoding, method: RareCategoryReplacementMethod) -> bool:
    """Whether generation may give null: where enough entities have nulls, or where no value at all may be shown."""
    return any(null_codes(encoding, method).values())


def null_codes(encoding: Encoding, method: RareCategoryReplacementMethod) -> dict[str, list[int]]:
    """Codes of each sub-column with which a value is null, of those that may be drawn.

    Tries every code, one sub-column at a time, while the others have codes that are not null if there are any.
    """
    never = encoding.never_drawn(method)
    sizes = encoding.cardinalities.items()
    allowed = {part: sorted(set(range(size)) - set(never.get(part, ()))) for part, size in sizes}
    found: dict[str, list[int]] = {}
    for place, (part, codes) in enumerate(allowed.items()):
        tried = np.tile([options[-1] for options in allowed.values()], (len(codes), 1))
        tried[:, place] = codes
        values = encoding.decode(tried.astype(np.int32), np.random.default_rng(0))
        is_null = null_mask(values.dictionary_decode() if pa.types.is_dictionary(values.type) else values)
        found[part] = np.array(codes)[is_null].tolist()
    return found


def has_protected_nulls(counts: ValueCounts, protection: ValueProtection, rng: np.random.Generator) -> bool:
    """Whether null is common enough to be generated."""
    return counts.null_entities >= protection.threshold(rng)


def even_ranks(n_reserved: int, n_ordered: int) -> list[float]:
    """Ranks of `n_reserved` unordered codes followed by `n_ordered` ordered ones."""
    ordered = np.linspace(0, 1, n_ordered) if n_ordered > 1 else np.full(n_ordered, 0.5)
    return [float("nan")] * n_reserved + ordered.tolist()
