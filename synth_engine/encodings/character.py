"""TABULAR_CHARACTER: draws a text character by character."""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.base import Codes, Encoding, has_protected_nulls
from synth_engine.encodings.code_points import END, CodePoints, from_code_points, lengths_of, to_code_points
from synth_engine.encodings.holders import added_up, surely_held
from synth_engine.encodings.numeric import null_mask
from synth_engine.encodings.released_characters import release_characters
from synth_engine.encodings.text_form import from_text, is_text
from synth_engine.encodings.value_counts import Mask, ValueCounts
from synth_engine.privacy import Budget, ValueProtection

NULL_CODE, RARE_CODE, END_CODE = 0, 1, 2
N_RESERVED = 3
# Stands for a character that may not be shown, as U+FFFD does for one that cannot be.
RARE_CHARACTER = "\N{REPLACEMENT CHARACTER}"
# The first layer of the network grows with the square of the number of sub-columns.
MAX_POSITIONS = 64
# Where more than this share would have a rare character, also those are shown that enough entities have so many places
# before or after. In names of a thousand people that leaves a third of them: they are mostly common one place further.
MAX_RARE_SHARE = 0.005
NEAR = 2
# Texts are cut where fewer than this share of those that are long enough have a character that may be shown.
MIN_KEPT_SHARE = 0.5


class Position(BaseModel):
    """What the texts of a column have at one place.

    Args:
        characters: Those that may be shown, in the order of their code points.
        may_end: Whether enough entities have texts that end before this place.
        has_rare: Whether enough entities have other characters than these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    characters: list[str]
    may_end: bool
    has_rare: bool

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to draw, as with the dash in ``AB-1234``."""
        return len(self.characters) == 1 and not self.may_end and not self.has_rare

    def never_drawn(self, *, null: bool, rare: bool) -> list[int]:
        """Reserved codes that are not to be drawn here, given whether null and rare ones may be at all."""
        keeps_rare = self.has_rare and (rare or not (self.characters or self.may_end))
        allowed = {NULL_CODE: null, RARE_CODE: keeps_rare, END_CODE: self.may_end}
        return [code for code, is_allowed in allowed.items() if not is_allowed]


class CharacterEncoding(Encoding):
    """Sub-columns ``p0``, ``p1``, …: 0 is null, 1 rare or unseen, 2 the end, then characters by their code points.

    A character is a Unicode code point; what is made of several, such as a letter with a combining accent, takes as
    many places. Places where everyone has the same character have no sub-column, but the first place always has one.
    Null is 0 everywhere, and behind the end of a text there are only further ends.

    Texts are cut at the protected length, at `MAX_POSITIONS`, and where most that are long enough would have a rare
    character. A rare character is drawn as `RARE_CHARACTER`, or replaced by a draw from the others at its place, as
    `RareCategoryReplacementMethod` says. A dictionary too narrow for all the texts drawn repeats some of them.

    Guarantees: at least as many entities as the protection asks for have every character of a position at that place,
    or within `NEAR` places of it; as many have the end there where it may be drawn, and as many a rare one. As many
    have texts as long as `positions`, unless those are a single one.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_CHARACTER
    encoding_type: Literal[ModelEncodingType.TABULAR_CHARACTER] = ModelEncodingType.TABULAR_CHARACTER
    positions: list[Position]

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Text, and dictionaries of text."""
        return is_text(dtype.value_type if pa.types.is_dictionary(dtype) else dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """The texts, as ``large_string``."""
        if pa.types.is_dictionary(values.type):
            return values.dictionary.cast(pa.large_string()).take(values.indices)
        return values.cast(pa.large_string())

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Popular texts, and made-up ones with the lengths and characters of the others."""
        return release_characters(counts, budget)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Find the protected length, and the characters that enough entities have at each place."""
        has_nulls = has_protected_nulls(counts, protection, rng)
        length = _protected_length(counts, protection, rng)
        points = to_code_points(counts.values, length)
        positions = _positions(points, counts, protection.threshold(rng))
        return cls(dtype=dtype, has_nulls=has_nulls, positions=positions)

    @property
    def cardinalities(self) -> dict[str, int]:
        """One sub-column for each place where there is something to draw."""
        if not self.positions:
            return {"p0": N_RESERVED}
        return {f"p{place}": N_RESERVED + len(self.positions[place].characters) for place in self._drawn}

    def encode(self, values: pa.Array) -> Codes:
        """Cut, and look up the character at each place."""
        texts = self.canonical(values)
        codes = np.zeros((len(texts), len(self.cardinalities)), np.int32)
        if not self.positions:
            return codes
        # Two small tables instead of a search: the number of each character among all, and its code at each place.
        numbers = self._number_of_point[to_code_points(texts, len(self.positions))]
        for place, table, column in zip(self._drawn, self._code_of_number, codes.T, strict=True):
            column[:] = table[numbers[:, place]]
        codes[null_mask(texts)] = NULL_CODE
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Put the characters together, those of fixed places in between, up to the first end."""
        points = np.full((len(codes), len(self.positions)), END, np.uint32)
        drawn = iter(codes.T)
        for place, position in enumerate(self.positions):
            characters = _points_of(position.characters)
            if place in self._drawn:
                table = np.concatenate([np.array([END, ord(RARE_CHARACTER), END], np.uint32), characters])
                points[:, place] = table[next(drawn)]
            else:
                points[:, place] = characters[0]
        texts = from_code_points(points)
        texts = pa.LargeStringArray.from_buffers(
            len(texts), *texts.buffers()[1:], pa.array(codes[:, 0] != NULL_CODE).buffers()[1]
        )
        return _as_dictionary(texts, self.dtype) if pa.types.is_dictionary(self.dtype) else from_text(texts, self.dtype)

    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Null, ends and rare characters where there were none; rare ones also where a draw replaces them."""
        if not self.positions:
            return {"p0": [RARE_CODE, END_CODE]}
        keeps_rare = method == RareCategoryReplacementMethod.constant
        return {
            f"p{place}": self.positions[place].never_drawn(null=self.has_nulls, rare=keeps_rare)
            for place in self._drawn
        }

    @cached_property
    def _drawn(self) -> list[int]:
        """Places that have a sub-column."""
        return [place for place, position in enumerate(self.positions) if place == 0 or not position.is_fixed]

    @cached_property
    def _kept(self) -> CodePoints:
        """All characters of all places, then the end."""
        characters = {character for position in self.positions for character in position.characters}
        return np.append(_points_of(sorted(characters)), np.uint32(END))

    @cached_property
    def _number_of_point(self) -> npt.NDArray[np.int32]:
        """For each code point its number among the kept ones, counted from 1; 0 for all others."""
        numbers = np.zeros(END + 1, np.int32)
        numbers[self._kept] = 1 + np.arange(len(self._kept))
        return numbers

    @cached_property
    def _code_of_number(self) -> list[npt.NDArray[np.int32]]:
        """For each drawn place, the code of each kept character."""
        tables = []
        for place in self._drawn:
            table = np.full(1 + len(self._kept), RARE_CODE, np.int32)
            characters = _points_of(self.positions[place].characters)
            table[self._number_of_point[characters]] = N_RESERVED + np.arange(len(characters))
            table[-1] = END_CODE
            tables.append(table)
        return tables


def _points_of(characters: list[str]) -> CodePoints:
    return np.array([ord(character) for character in characters], np.uint32)


def _protected_length(counts: ValueCounts, protection: ValueProtection, rng: np.random.Generator) -> int:
    """The number of places; 0 where nothing may be shown. A column of empty texts has one, where they end."""
    lengths, groups = np.unique(lengths_of(counts.values), return_inverse=True)
    # Each entity counts once, by its first text: no more have a text so long than there are.
    entities = added_up(counts.lowest, groups, len(lengths))
    bounds = protection.bounds(pa.array(lengths), entities, entities, rng)
    return 0 if bounds is None else min(max(bounds[1], 1), MAX_POSITIONS)


def _positions(points: CodePoints, counts: ValueCounts, threshold: int) -> list[Position]:
    """The positions before the first at which most texts would have a rare character."""
    number_of_point = np.zeros(END + 1, np.int32)
    number_of_point[points] = 1
    kept = np.flatnonzero(number_of_point)
    number_of_point[kept] = np.arange(len(kept))
    numbers = number_of_point[points]
    positions = []
    for place in range(points.shape[1]):
        votes = added_up(counts.lowest, numbers[:, place], len(kept))
        position = _position(kept, numbers, place, counts, threshold)
        may_be_shown = np.isin(kept, _points_of(position.characters))
        if votes[may_be_shown].sum() < MIN_KEPT_SHARE * votes[kept != END].sum():
            break
        positions.append(position)
    return positions


def _position(
    points: npt.NDArray[np.int64], numbers: npt.NDArray[np.int32], place: int, counts: ValueCounts, threshold: int
) -> Position:
    """One position; `numbers` tells which of the points each text has at each place."""
    here, is_end = numbers[:, place], points == END
    keep = surely_held(counts, here, len(points)) >= threshold
    may_end = bool(keep[is_end].any())
    votes = added_up(counts.lowest, here, len(points))
    if votes[~keep & ~is_end].sum() > MAX_RARE_SHARE * votes.sum():
        near = np.sort(numbers[:, max(place - NEAR, 0) : place + NEAR + 1], axis=1)
        near[:, 1:][near[:, 1:] == near[:, :-1]] = -1
        keep |= surely_held(counts, near, len(points)) >= threshold
    return Position(
        characters=[chr(point) for point in points[keep & ~is_end]],
        may_end=may_end,
        has_rare=_has_rare(counts, here, keep | is_end, threshold),
    )


def _has_rare(counts: ValueCounts, numbers: npt.NDArray[np.int32], keep: Mask, threshold: int) -> bool:
    rare = np.where(keep[numbers], -1, 0)
    return bool(surely_held(counts, rare, 1)[0] >= threshold)


def _as_dictionary(texts: pa.Array, dtype: pa.DictionaryType) -> pa.DictionaryArray:
    """Texts as a dictionary in alphabetical order; those for which its index has no place become others."""
    encoded = texts.dictionary_encode()
    capacity = int(np.iinfo(dtype.index_type.to_pandas_dtype()).max) + 1
    order = pc.array_sort_indices(encoded.dictionary[:capacity])
    places = np.argsort(order.to_numpy())
    indices = encoded.indices.fill_null(0).to_numpy() % max(len(order), 1)
    places = places[indices] if len(order) else np.zeros_like(indices)
    return pa.DictionaryArray.from_arrays(
        pa.array(places, dtype.index_type, mask=null_mask(texts)),
        from_text(encoded.dictionary.take(order), dtype.value_type),
        ordered=dtype.ordered,
    )
