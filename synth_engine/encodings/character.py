"""TABULAR_CHARACTER: popular texts as atoms, all others drawn character by character."""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from synth_engine.domain import ModelEncodingType, RareCategoryReplacementMethod
from synth_engine.encodings.alphabets import MAX_POSITIONS, Position, find_positions, points_of
from synth_engine.encodings.base import Codes, Encoding, has_protected_nulls
from synth_engine.encodings.character_kinds import NO_KIND, kind_names, kinds_of
from synth_engine.encodings.code_points import END, CodePoints, from_code_points, lengths_of, to_code_points
from synth_engine.encodings.meanings import TEXT, Meanings, Reserved
from synth_engine.encodings.numeric import null_mask
from synth_engine.encodings.released_characters import release_characters
from synth_engine.encodings.text_form import as_dictionary, from_text, is_text
from synth_engine.encodings.value_counts import Mask, ValueCounts
from synth_engine.privacy import MINIMUM_ENTITIES, Budget, ValueProtection

# Of the sub-column of texts.
SPELLED_CODE = 1
N_RESERVED_TEXTS = 2
# Of the sub-columns of positions. In that of texts null has the same code.
NULL_CODE, RARE_CODE, END_CODE = 0, 1, 2
N_RESERVED = 3
# The most popular texts have codes of their own, unless all of them together are hardly worth a sub-column.
MAX_ATOMS = 500
MIN_ATOMS_SHARE = 0.03


class CharacterEncoding(Encoding):
    """Sub-columns ``text``, ``p0``, ``p1``, …: popular texts have a code of their own, all others are spelled.

    ``text``: 0 is null, 1 a spelled text, then atoms in alphabetical order. Positions: 0 is null or an atom, 1 a rare
    or unseen character, 2 the end, then characters by their code points, then kinds of rare characters; behind the end
    of a text there are only further ends. Without atoms there is no ``text``, and null is 0 at every position.

    A character is a Unicode code point; what is made of several, such as a letter with a combining accent, takes as
    many places. Places where everyone has the same character have no sub-column. Without ``text`` the first one always
    has.

    Spelled texts are cut at the protected length, at `MAX_POSITIONS`, and where most that are long enough would have a
    rare character. A text that would be spelled like an atom has the atom's code. Of a rare character its kind may be
    known; then any that is in common use takes its place (see `character_kinds`). Otherwise it is never drawn; where it
    is decoded, one that another text has takes its place. A dictionary too narrow for all texts drawn repeats some.
    Without protection no character is rare, and texts of more than `MAX_POSITIONS` are atoms, however many they are:
    all come back exactly.

    Guarantees: at least as many entities as the protection asks for have every atom. Among those whose texts are
    spelled, at least as many have every character of a position at that place, or within `NEAR` places of it; as many
    have the end there where it may be drawn, and one of a kind that is none of those characters. What is drawn of a
    kind depends on no datum but these. As many have texts as long as `positions`, unless those are a single one.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.TABULAR_CHARACTER
    encoding_type: Literal[ModelEncodingType.TABULAR_CHARACTER] = ModelEncodingType.TABULAR_CHARACTER
    positions: list[Position]
    atoms: list[str] = Field(default_factory=list)

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
        """Choose atoms, then lengths and alphabets for what is left."""
        has_nulls = has_protected_nulls(counts, protection, rng)
        is_atom = _popular(counts, protection.threshold(rng))
        if not protection.enabled:
            is_atom |= lengths_of(counts.values) > MAX_POSITIONS
        spelled = counts.where(~is_atom) if is_atom.any() else counts  # without a copy of all texts, if possible
        positions = find_positions(spelled, protection, rng)
        atoms = counts.values.filter(pa.array(is_atom)).to_pylist()
        return cls(dtype=dtype, has_nulls=has_nulls, positions=positions, atoms=atoms)

    @property
    def cardinalities(self) -> dict[str, int]:
        """Texts, then one sub-column for each place where there is something to draw."""
        if not self.positions and not self.atoms:
            return {"p0": N_RESERVED}
        texts = {"text": N_RESERVED_TEXTS + len(self.atoms)} if self.atoms else {}
        return texts | {f"p{place}": _n_codes(self.positions[place]) for place in self._drawn}

    def encode(self, values: pa.Array) -> Codes:
        """Look up the atom; else cut, and look up the character at each place."""
        texts = self.canonical(values)
        codes = np.zeros((len(texts), len(self.cardinalities)), np.int32)
        if not self.positions and not self.atoms:
            return codes
        is_null = null_mask(texts)
        if not self.atoms:
            codes[~is_null] = self._spelled(to_code_points(texts.drop_null(), len(self.positions)))
            return codes
        found = self._find_atoms(texts)
        rows = np.flatnonzero((found < 0) & ~is_null)
        rest = texts.take(pa.array(rows))
        points = to_code_points(rest, len(self.positions))
        found[rows] = self._find_atoms_spelled(points, lengths_of(rest))
        codes[:, 0] = np.where(is_null, NULL_CODE, np.maximum(found + N_RESERVED_TEXTS, SPELLED_CODE))
        is_spelled = found[rows] < 0
        codes[rows[is_spelled], 1:] = self._spelled(points[is_spelled])
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Atoms as they are; otherwise put the characters together, up to the first end.

        A kind becomes any of its characters, a rare character what another of the texts has at its place.
        """
        texts = pa.array([None, *self.atoms], pa.large_string())
        places = np.zeros(len(codes), np.int64)
        if self.atoms:
            places = np.maximum(codes[:, 0] - SPELLED_CODE, 0).astype(np.int64)
        is_spelled = codes[:, 0] == SPELLED_CODE if self.atoms else codes[:, 0] != NULL_CODE
        if self.positions or not self.atoms:
            parts = codes[is_spelled, 1:] if self.atoms else codes[is_spelled]
            places[is_spelled] = len(texts) + np.arange(len(parts))
            texts = pa.concat_arrays([texts, from_code_points(self._points(parts, rng))])
        else:  # no text may be spelled
            places[is_spelled] = rng.integers(1, len(texts), int(is_spelled.sum()))
        texts = texts.take(pa.array(places))
        return as_dictionary(texts, self.dtype) if pa.types.is_dictionary(self.dtype) else from_text(texts, self.dtype)

    def never_drawn(self, method: RareCategoryReplacementMethod) -> Mapping[str, list[int]]:
        """Null and ends where there were none; rare characters nowhere, and spelled texts where nothing is known."""
        if not self.positions and not self.atoms:
            return {"p0": [RARE_CODE, END_CODE]}
        null = [] if self.has_nulls else [NULL_CODE]
        if self.atoms:
            never = {"text": null if self.positions else [*null, SPELLED_CODE]}
            null = []  # of positions it is the code of atoms as well
        else:
            never = {}
        for place in self._drawn:
            end = [] if self.positions[place].may_end else [END_CODE]
            never[f"p{place}"] = [*null, RARE_CODE, *end]
        return never

    def meanings(self) -> Mapping[str, Meanings]:
        """The texts of atoms, and the characters of each place and kinds of others there."""
        reserved = [Reserved.NULL, Reserved.RARE, Reserved.END]
        if not self.positions and not self.atoms:
            return {"p0": Meanings.unordered(reserved)}
        texts = {"text": Meanings.unordered([Reserved.NULL, Reserved.SPELLED, *self.atoms], TEXT)} if self.atoms else {}
        places = {f"p{place}": self.positions[place] for place in self._drawn}
        return texts | {
            part: Meanings.unordered([*reserved, *place.characters, *(("kind", kind) for kind in place.kinds)])
            for part, place in places.items()
        }

    def _find_atoms(self, texts: pa.Array) -> npt.NDArray[np.int64]:
        """Which atom each text is; -1 for none."""
        found = pc.index_in(texts, pa.array(self.atoms, pa.large_string())).fill_null(-1)
        return np.array(found, np.int64)

    def _find_atoms_spelled(self, points: CodePoints, lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Which atom texts become that are none, by being cut and by what fixed places make of them; -1 for none."""
        fixed = [place for place, position in enumerate(self.positions) if position.is_fixed]
        characters = points_of([self.positions[place].characters[0] for place in fixed])
        changed = np.flatnonzero((lengths > len(self.positions)) | (points[:, fixed] != characters).any(axis=1))
        become = points[changed]
        become[:, fixed] = characters
        found = np.full(len(points), -1)
        found[changed] = self._find_atoms(from_code_points(become))
        return found

    def _spelled(self, points: CodePoints) -> Codes:
        """Codes of the drawn places."""
        # Two small tables instead of a search: the number of each character among all, and its code at each place.
        codes = np.empty((len(points), len(self._drawn)), np.int32)
        for place, table, column in zip(self._drawn, self._code_of_number, codes.T, strict=True):
            column[:] = table[self._number_of_point[points[:, place]]]
        return codes

    def _points(self, codes: Codes, rng: np.random.Generator) -> CodePoints:
        """Code points of spelled texts, given the codes of the drawn places."""
        points = np.full((len(codes), len(self.positions)), END, np.uint32)
        sizes = [_n_codes(self.positions[place]) for place in self._drawn]
        drawn = iter(_without_rare(codes[:, : len(sizes)], sizes, rng).T)
        for place, position in enumerate(self.positions):
            points[:, place] = (
                _characters(next(drawn), position, rng) if place in self._drawn else ord(position.characters[0])
            )
        return points

    @cached_property
    def _drawn(self) -> list[int]:
        """Places that have a sub-column."""
        first = None if self.atoms else 0
        return [place for place, position in enumerate(self.positions) if place == first or not position.is_fixed]

    @cached_property
    def _kept(self) -> CodePoints:
        """All characters of all places, then the end."""
        characters = {character for position in self.positions for character in position.characters}
        return np.append(points_of(sorted(characters)), np.uint32(END))

    @cached_property
    def _number_of_point(self) -> npt.NDArray[np.int32]:
        """For each code point its number among the kept ones, counted from 1; behind these its kind's, 0 for none."""
        numbers = np.zeros(END + 1, np.int32)
        if any(position.kinds for position in self.positions):
            kinds = kinds_of(np.arange(END + 1, dtype=np.uint32))
            numbers[kinds != NO_KIND] = (1 + len(self._kept) + kinds)[kinds != NO_KIND]
        numbers[self._kept] = 1 + np.arange(len(self._kept))
        return numbers

    @cached_property
    def _code_of_number(self) -> list[npt.NDArray[np.int32]]:
        """For each drawn place, the code of each kept character and of each kind."""
        tables = []
        kinds = np.concatenate([[NO_KIND], kinds_of(self._kept), np.arange(len(kind_names()))])
        for position in (self.positions[place] for place in self._drawn):
            table = np.full(len(kinds), RARE_CODE, np.int32)
            for code, kind in enumerate(position.kinds, N_RESERVED + len(position.characters)):
                table[kinds == kind_names().index(kind)] = code
            characters = points_of(position.characters)
            table[self._number_of_point[characters]] = N_RESERVED + np.arange(len(characters))
            table[len(self._kept)] = END_CODE
            tables.append(table)
        return tables


def _n_codes(position: Position) -> int:
    return N_RESERVED + len(position.characters) + len(position.kinds)


def _characters(codes: npt.NDArray[np.int32], position: Position, rng: np.random.Generator) -> CodePoints:
    """The code points of one place."""
    kinds = np.full(len(position.kinds), END, np.uint32)
    table = np.concatenate([np.full(N_RESERVED, END, np.uint32), points_of(position.characters), kinds])
    points = table[codes]
    for code, kind in enumerate(position.kinds, N_RESERVED + len(position.characters)):
        points[codes == code] = rng.choice(position.of_kind(kind), int((codes == code).sum()))
    return points


def _popular(counts: ValueCounts, threshold: int) -> Mask:
    """Which texts deserve a code of their own; without protection, too, one entity is not enough."""
    is_atom = counts.entities >= max(threshold, MINIMUM_ENTITIES)
    if is_atom.sum() > MAX_ATOMS:
        least = np.partition(counts.entities, -MAX_ATOMS - 1)[-MAX_ATOMS - 1]
        is_atom = counts.entities > least
    total = counts.lowest.sum()
    return is_atom if counts.lowest[is_atom].sum() >= MIN_ATOMS_SHARE * total else np.zeros_like(is_atom)


def _without_rare(codes: Codes, sizes: list[int], rng: np.random.Generator) -> Codes:
    """Rare characters replaced by what others have at their place, if possible those with the same character before.

    Args:
        codes: Of spelled texts at the drawn places.
        sizes: Number of codes of each.
        rng: Source of the draws.
    """
    codes = codes.copy()
    for place in np.flatnonzero((codes < END_CODE).any(axis=0)).tolist():
        column, beside = codes[:, place], codes[:, abs(place - 1) % len(sizes)]
        shown, rare = np.flatnonzero(column >= N_RESERVED), np.flatnonzero(column < END_CODE)
        if len(shown) == 0:
            some = np.arange(N_RESERVED, sizes[place]) if sizes[place] > N_RESERVED else np.array([END_CODE])
            column[rare] = rng.choice(some, len(rare))
            continue
        shown = shown[np.argsort(beside[shown], kind="stable")]
        low, high = (np.searchsorted(beside[shown], beside[rare], side) for side in ("left", "right"))
        low, high = np.where(low < high, low, 0), np.where(low < high, high, len(shown))
        column[rare] = column[shown[rng.integers(low, high)]]
    return codes
