"""LANGUAGE_CATEGORICAL: writes categories; rare ones can be learned as such, but are never drawn."""

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.categorical import N_RESERVED, NULL_CODE, RARE_TOKEN, CategoricalEncoding
from synth_engine.encodings.code_points import lengths_of
from synth_engine.encodings.language.base import LanguageEncoding
from synth_engine.encodings.language.ebnf import one_of
from synth_engine.encodings.language.literals import NULL, as_texts, text_literal
from synth_engine.encodings.released_values import release_values
from synth_engine.encodings.text_form import is_text
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection

# Longer texts are no categories.
MAX_LENGTH = 4_096


class LanguageCategorical(LanguageEncoding):
    """A category is its text as a JSON string; whole numbers and truth values are written as such.

    What can be a category, and which are kept, is as `CategoricalEncoding` has it; only those of more than `MAX_LENGTH`
    characters count as rare in any case. Rare ones are written as one token, which is not a category itself:
    ``"_RARE_"``, with more underscores if need be. It is never drawn, and read as null.

    Guarantees: every category in `categories` is held by at least as many entities as the protection asks for.

    Args:
        categories: The text form of each.
        has_rare: Whether there may be others.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.LANGUAGE_CATEGORICAL
    encoding_type: Literal[ModelEncodingType.LANGUAGE_CATEGORICAL] = ModelEncodingType.LANGUAGE_CATEGORICAL
    categories: list[str]
    has_rare: bool

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Every flat type that has a text form."""
        return CategoricalEncoding.accepts(dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """The text form of each value."""
        return as_texts(values) if is_text(_kind(values.type)) else CategoricalEncoding.canonical(values)

    @classmethod
    def summarise(cls, values: pa.Array, entities: npt.NDArray[np.int64] | None = None) -> ValueCounts:
        """Sensitive summary of one partition; of ordered dictionaries with their order."""
        _check(values)
        return CategoricalEncoding.summarise(values, entities)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """The categories that many entities stand for."""
        return release_values(counts, budget)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Keep the categories that enough entities hold."""
        found = CategoricalEncoding.fit(counts, dtype, protection, rng)
        kept = [category for category in found.categories if len(category) <= MAX_LENGTH]
        has_rare = found.has_rare or len(kept) < len(found.categories)
        return cls(dtype=dtype, has_nulls=found.has_nulls, categories=kept, has_rare=has_rare)

    @property
    def has_values(self) -> bool:
        """Whether there are categories."""
        return bool(self.categories)

    @property
    def longest(self) -> int:
        """That of the longest category, rare token or null."""
        return max(map(len, [*self._literals, NULL, *([self.rare] if self.has_values else [])]))

    @property
    def rare(self) -> str:
        """The literal of the token for rare categories."""
        token = RARE_TOKEN
        while token in self.categories:
            token += "_"
        return text_literal(token)

    def write(self, values: pa.Array) -> pa.Array:
        """Look every value up; what is not there is rare."""
        _check(values)
        rare = self.rare if self.has_values else NULL
        codes = self._codes.encode(values)[:, 0]  # 0 is rare, 1 is null
        return pa.array([rare, NULL, *self._literals], pa.large_string()).take(pa.array(codes))

    def read(self, literals: pa.Array) -> pa.Array:
        """The categories in the column's type."""
        found = pc.index_in(literals, pa.array(self._literals, pa.large_string()))
        codes = pc.add(found.cast(pa.int64()), N_RESERVED).fill_null(NULL_CODE).to_numpy()
        return self._codes.decode(codes.astype(np.int32).reshape(-1, 1), np.random.default_rng(0))

    def whole(self) -> list[str]:
        """The categories, null, and the token for rare ones."""
        rare = [self.rare] if self.has_rare and self.has_values else []
        return [*self._literals, *rare, *super().whole()]

    def loses(self, counts: ValueCounts) -> str | None:
        """Categories beyond `MAX_LENGTH`."""
        n_long = int((lengths_of(counts.values) > MAX_LENGTH).sum())
        return f"{n_long} categories have more than {MAX_LENGTH:,} characters; they count as rare" if n_long else None

    def _rules(self) -> dict[str, str]:
        return {"value": one_of(self._literals)}

    @cached_property
    def _literals(self) -> Sequence[str]:
        kind = _kind(self.dtype)
        is_bare = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
        return self.categories if is_bare else [text_literal(category) for category in self.categories]

    @cached_property
    def _codes(self) -> CategoricalEncoding:
        return CategoricalEncoding(
            dtype=self.dtype, has_nulls=self.has_nulls, categories=self.categories, has_rare=False
        )


def _kind(dtype: pa.DataType) -> pa.DataType:
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype


def _check(values: pa.Array) -> None:
    """Raise `InputError` for texts that are none."""
    if is_text(_kind(values.type)):
        as_texts(values.dictionary if pa.types.is_dictionary(values.type) else values)
