"""Columns of lists, which a context table may have: what is told of them, and how they become codes.

Belongs here: elements and lengths together. Does not belong here: how elements are encoded (that is their encoding's
part), arrays of lists in memory (those are in `list_arrays`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from synth_engine.domain import InputError, ModelEncodingType, ModelType
from synth_engine.domain.arrow_types import ArrowType
from synth_engine.encodings import AnyEncoding, Encoding, Entities, ValueCounts, fitter
from synth_engine.encodings.base import Codes
from synth_engine.encodings.fitting import FitterOf
from synth_engine.encodings.language import language_fitter
from synth_engine.encodings.list_arrays import elements_of, is_list, lengths_of, offsets_of
from synth_engine.encodings.meanings import Meanings
from synth_engine.encodings.registry import Fitter
from synth_engine.parallel import map_in_threads
from synth_engine.privacy import Budget, ValueProtection
from synth_engine.stages.encoded_columns import ListCodes, list_of_structs, small_codes, sub_column
from synth_engine.stages.lengths import SequenceLengths

# Sub-columns of a list column beside those of its elements. No encoding has parts of such names.
LENGTH_PART, LIST_PART = "length", "list"
# Elements of a list that the network sees, the first ones: unlike events, lists are not learned in windows, and a batch
# of subjects holds all of theirs.
MOST_ELEMENTS = 1_000


class ListFitter:
    """Fits the encoding of a list column's elements, with people counted and not elements.

    Guarantees: an element is counted once for each list that holds it, however often; with differential privacy a list
    stands for its middle element only, as a subject does for its middle event.

    Args:
        elements: Fits a column of the elements' type.
    """

    def __init__(self, elements: Fitter) -> None:
        self.type = elements.type
        self._elements = elements

    def accepts(self, dtype: pa.DataType) -> bool:
        """Lists of what the elements' fitter accepts."""
        return is_list(dtype) and self._elements.accepts(dtype.value_type)

    def summarise(self, values: pa.Array, entities: Entities | None = None) -> ValueCounts:
        """Sensitive summary of the elements of one partition."""
        lists = places_of(values)
        return self._elements.summarise(elements_of(values), lists if entities is None else entities[lists])

    def release(self, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """The summary of elements with differential privacy."""
        return self._elements.release(counts, dtype.value_type, budget)

    def fit(
        self, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Encoding:
        """The shareable encoding of the elements."""
        return self._elements.fit(counts, dtype.value_type, protection, rng)


def fitter_of(
    encoding_type: ModelEncodingType, dtype: pa.DataType, model_type: ModelType = ModelType.TABULAR
) -> FitterOf[Any]:
    """The fitter of a column: where it holds lists, the encoding type is that of their elements."""
    if model_type == ModelType.LANGUAGE:
        return language_fitter(encoding_type)
    return ListFitter(fitter(encoding_type)) if is_list(dtype) else fitter(encoding_type)


def places_of(lists: pa.Array) -> Entities:
    """Which list each of the elements belongs to, as an index."""
    return np.repeat(np.arange(len(lists)), np.diff(offsets_of(lists)))


class ListEncoding(BaseModel):
    """A fitted encoding of a column of lists. Shareable, as that of its elements is.

    The length of a list is a flat value, encoded as that of a sequence, where a null list has no length. So a null list
    and an empty one have the same elements, namely none, and differ by their length. Where too few lists are there to
    tell anything of lengths, these have no codes, and the two are the same.

    Guarantees: everything in it is held by enough lists, or is differentially private; see `ListFitter` and
    `SequenceLengths`. No encoded list is longer than the protected maximum, nor than `MOST_ELEMENTS`: the elements
    beyond are left out. Its length is told by `encode_lengths` up to the protected maximum.

    Args:
        dtype: Plain type of the column.
        elements: Encoding of the elements.
        lengths: What may be known of the numbers of elements.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dtype: ArrowType
    elements: AnyEncoding
    lengths: SequenceLengths

    @property
    def longest(self) -> int:
        """The most elements of an encoded list."""
        return min(self.lengths.max, MOST_ELEMENTS)

    @property
    def length_cardinalities(self) -> dict[str, int]:
        """Number of codes of each sub-column of the length; empty where nothing may be known of lengths."""
        encoding = self.lengths.encoding
        sizes = {} if encoding is None else encoding.cardinalities
        return {f"{LENGTH_PART}_{part}": size for part, size in sizes.items()}

    @property
    def length_ranks(self) -> dict[str, list[float]]:
        """Ranks of the codes of the length, as `Encoding.ranks` has them."""
        ranks = {} if self.lengths.encoding is None else self.lengths.encoding.ranks()
        return {f"{LENGTH_PART}_{part}": places for part, places in ranks.items()}

    def encode_lengths(self, values: pa.Array) -> Codes:
        """Codes of the numbers of elements, up to the protected maximum: shape (lists, sub-columns of the length)."""
        if self.lengths.encoding is None:
            return np.zeros((len(values), 0), np.int32)
        lengths = lengths_of(values)
        kept = np.minimum(lengths.fill_null(0).to_numpy(), self.lengths.max)
        is_null = lengths.is_null().to_numpy(zero_copy_only=False)
        return self.lengths.encoding.encode(pa.array(kept, pa.int64(), mask=is_null))

    def encode(self, values: pa.Array) -> ListCodes:
        """Codes of the elements of each list, of the first ones where there are too many.

        Raises:
            InputError: an element that the encoding cannot take.
        """
        offsets, places, elements = offsets_of(values), places_of(values), elements_of(values)
        if np.diff(offsets).max(initial=0) > self.longest:
            is_kept = np.arange(len(places)) - offsets[places] < self.longest
            elements, places = elements.filter(pa.array(is_kept)), places[is_kept]
            offsets = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=len(values)))])
        return ListCodes(self.elements.encode_events(elements, places), offsets)


@dataclass(frozen=True)
class ListLength:
    """The numbers of elements of a column of lists as a flat column: see `ListEncoding.length_cardinalities`."""

    encoding: ListEncoding

    def meanings(self) -> dict[str, Meanings]:
        """What the codes mean, as `Encoding.meanings` has it: they tell nothing that a value of the column would."""
        lengths = self.encoding.lengths.encoding
        known = {} if lengths is None else lengths.meanings()
        return {
            f"{LENGTH_PART}_{part}": replace(each, tells=f"{LENGTH_PART} {each.tells or part}")
            for part, each in known.items()
        }


def encode_lists(table: pa.Table, lists: Mapping[str, ListEncoding]) -> Iterator[tuple[str, Any]]:
    """Columns of the encoded data: of each list column the codes of its length, and a list of structs of codes.

    Measured against a list for each sub-column: see decision 028.

    Args:
        table: The context table, with the plain types that it was split with.
        lists: Encodings of its list columns.
    """

    def encoded(name: str) -> list[tuple[str, Any]]:
        encoding, values = lists[name], table[name].combine_chunks()
        try:
            codes = encoding.encode(values)
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from None
        lengths = small_codes(name, encoding.encode_lengths(values), encoding.length_cardinalities)
        elements = small_codes(name, codes.codes, encoding.elements.cardinalities)
        return [*lengths.items(), (sub_column(name, LIST_PART), list_of_structs(elements, codes.offsets))]

    for columns in map_in_threads(encoded, lists):
        yield from columns
