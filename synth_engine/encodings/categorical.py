"""TABULAR_CATEGORICAL: draws from the categories seen, rare ones replaced."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.base import Codes, Encoding, even_ranks, has_protected_nulls
from synth_engine.encodings.meanings import TEXT, Meanings, Reserved
from synth_engine.encodings.numeric import null_mask
from synth_engine.encodings.outcomes import decoded
from synth_engine.encodings.text_form import from_text, has_text_form, is_text, to_text
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import ValueProtection

RARE_CODE = 0
NULL_CODE = 1
N_RESERVED = 2
RARE_TOKEN = "_RARE_"


class CategoricalEncoding(Encoding):
    """One sub-column ``cat``: 0 is rare or unseen, 1 is null, then the kept categories in alphabetical order.

    Those of an ordered dictionary are in its order instead, as far as all partitions have the same.

    Any flat type can be a category: strings, booleans, numbers, dates, times, bytes, dictionaries of these. Times,
    dates and durations are written as whole numbers of their unit, bytes in hexadecimal digits, so that they are exact.

    Guarantees: every category in `categories` is held by at least as many entities as the protection asks for.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_CATEGORICAL
    encoding_type: Literal[ModelEncodingType.TABULAR_CATEGORICAL] = ModelEncodingType.TABULAR_CATEGORICAL
    categories: list[str]
    has_rare: bool

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Every flat type that has a text form."""
        return has_text_form(_value_type(dtype))

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """The text form of each value."""
        return to_text(values.dictionary_decode() if pa.types.is_dictionary(values.type) else values)

    @classmethod
    def summarise(cls, values: pa.Array, entities: npt.NDArray[np.int64] | None = None) -> ValueCounts:
        """Sensitive summary of one partition; of ordered dictionaries with their order."""
        counts = super().summarise(values, entities)
        if not (pa.types.is_dictionary(values.type) and values.type.ordered):
            return counts
        return replace(counts, levels=tuple(to_text(values.dictionary).drop_null().to_pylist()))

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Keep the categories that enough entities hold."""
        keep = counts.entities >= protection.threshold(rng)
        kept = counts.values.filter(pa.array(keep)).to_pylist()
        if counts.levels:
            place = {level: place for place, level in enumerate(counts.levels)}
            kept.sort(key=place.__getitem__)
        has_nulls = has_protected_nulls(counts, protection, rng)
        has_rare = not keep.all() or counts.hidden_entities > 0
        return cls(dtype=dtype, has_nulls=has_nulls, categories=kept, has_rare=has_rare)

    @property
    def cardinalities(self) -> dict[str, int]:
        """One sub-column."""
        return {"cat": N_RESERVED + len(self.categories)}

    def encode(self, values: pa.Array) -> Codes:
        """Look every value up; what is not there is rare."""
        if pa.types.is_dictionary(values.type):
            # The dictionary is short where the column is long; the last entry is for nulls.
            of_entry = np.append(self.encode(values.dictionary), NULL_CODE).astype(np.int32)
            indices: npt.NDArray[np.int64] = values.indices.cast(pa.int64()).fill_null(-1).to_numpy()
            return of_entry[indices].reshape(-1, 1)
        text = self.canonical(values)
        found = pc.index_in(text, pa.array(self.categories, text.type)).fill_null(RARE_CODE - N_RESERVED)
        codes: Codes = found.to_numpy().astype(np.int32) + N_RESERVED
        if text.null_count:
            codes[null_mask(text)] = NULL_CODE
        return codes.reshape(-1, 1)

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """The categories in the column's type. The rare token needs a text column; elsewhere rare becomes null."""
        if pa.types.is_dictionary(self.dtype):
            return self._decode_dictionary(codes[:, 0])
        rare = RARE_TOKEN if is_text(self.dtype) else None
        texts = pa.array([rare, None, *self.categories], pa.large_string())
        return from_text(texts.take(pa.array(codes[:, 0])), self.dtype)

    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Null where there was none; rare where there was none, or where a draw from the others replaces it."""
        replaced = method == RareCategoryReplacementMethod.sample or not is_text(_value_type(self.dtype))
        keeps_rare = self.has_rare and not (replaced and self.categories)
        forbidden = [] if keeps_rare else [RARE_CODE]
        if not self.has_nulls and (self.categories or keeps_rare):
            forbidden.append(NULL_CODE)
        return {"cat": forbidden}

    def meanings(self) -> Mapping[str, Meanings]:
        """The text form of each category."""
        return {"cat": Meanings.unordered([Reserved.RARE, Reserved.NULL, *self.categories], TEXT)}

    def named_codes(self) -> Mapping[str, int]:
        """The categories, and the rare token where text can show it."""
        rare = {RARE_TOKEN: RARE_CODE} if self.has_rare and is_text(_value_type(self.dtype)) else {}
        values = from_text(pa.array(self.categories, pa.large_string()), _value_type(self.dtype))
        return rare | {str(value): code for code, value in enumerate(values.to_pylist(), N_RESERVED)}

    def outcomes(self) -> list[Any] | None:
        """The categories, and the rare token or null."""
        return decoded(self, np.arange(self.cardinalities["cat"], dtype=np.int32))

    def ranks(self) -> Mapping[str, list[float]]:
        """Categories are ordered where the column's type says so."""
        is_ordered = pa.types.is_dictionary(self.dtype) and self.dtype.ordered
        return {"cat": even_ranks(N_RESERVED, len(self.categories))} if is_ordered else {}

    def _decode_dictionary(self, codes: npt.NDArray[np.int32]) -> pa.Array:
        """All categories in the dictionary, and the rare token if needed, whatever the codes: so that shards agree."""
        entries: list[str] = list(self.categories)
        can_show_rare = is_text(self.dtype.value_type) and (self.has_rare or bool((codes == RARE_CODE).any()))
        if can_show_rare and RARE_TOKEN not in entries and len(entries) <= _largest_index(self.dtype):
            entries.append(RARE_TOKEN)
        rare = entries.index(RARE_TOKEN) if can_show_rare and RARE_TOKEN in entries else None
        index_of_code = pa.array([rare, None, *range(len(self.categories))], self.dtype.index_type)
        dictionary = from_text(pa.array(entries, pa.large_string()), self.dtype.value_type)
        indices = index_of_code.take(pa.array(codes))
        return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=self.dtype.ordered)


def _value_type(dtype: pa.DataType) -> pa.DataType:
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype


def _largest_index(dtype: Any) -> int:
    return int(np.iinfo(dtype.index_type.to_pandas_dtype()).max)
