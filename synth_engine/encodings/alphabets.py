"""What texts have at each place, as far as enough entities have it: lengths, characters, kinds. Knows no codes.

Belongs here: what is published of spelled texts, and that it is found in bounded memory. Does not belong here: texts
that are published whole.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from synth_engine.encodings.character_kinds import NO_KIND, characters_by_kind, kind_names, kinds_of
from synth_engine.encodings.code_points import END, CodePoints, lengths_of, to_code_points
from synth_engine.encodings.holders import added_up, surely_held
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import ValueProtection

# The first layer of the network grows with the square of the number of sub-columns.
MAX_POSITIONS = 64
# Where more than this share would have a rare character, also those are shown that enough entities have so many places
# before or after. In names of a thousand people that leaves a third of them: they are mostly common one place further.
MAX_RARE_SHARE = 0.005
NEAR = 2
# Texts are cut where fewer than this share of those that are long enough have a character that may be shown.
MIN_KEPT_SHARE = 0.5
# Texts that are looked at together: their code points take 4 MiB at most.
CHUNK = 2**14

Numbers = npt.NDArray[Any]


class Position(BaseModel):
    """What the texts of a column have at one place.

    Args:
        characters: Those that may be shown, in the order of their code points.
        may_end: Whether enough entities have texts that end before this place.
        has_rare: Of encodings as they were stored before rare characters were always redrawn: whether enough entities
            have others than these. There such a place has a sub-column even with a single character.
        kinds: Of others than these, where enough entities have one of the kind; see `character_kinds`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    characters: list[str]
    may_end: bool
    has_rare: bool = False
    kinds: list[str] = Field(default_factory=list)

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to draw, as with the dash in ``AB-1234``."""
        return len(self.characters) == 1 and not self.may_end and not self.has_rare and not self.kinds

    def of_kind(self, kind: str) -> CodePoints:
        """Code points that may be drawn where one of a kind is rare: those that are not among `characters`."""
        return np.setdiff1d(characters_by_kind()[kind], points_of(self.characters))


def points_of(characters: list[str]) -> CodePoints:
    """The code point of each character."""
    return np.array([ord(character) for character in characters], np.uint32)


def find_positions(counts: ValueCounts, protection: ValueProtection, rng: np.random.Generator) -> list[Position]:
    """Find the protected length, and the characters that enough entities have at each place.

    Guarantees: those that `CharacterEncoding` gives for `positions`.

    Args:
        counts: Summary of the texts.
        protection: What may be known of them.
        rng: Source of the random thresholds.

    Returns:
        The positions before the first at which most texts would have a rare character, whatever its kind; none where
        too few entities have a text. A column of empty texts has one, where they end.
    """
    length = _protected_length(counts, protection, rng)
    points, numbers = number_points(counts.values, length)
    threshold = protection.threshold(rng)
    positions = []
    for place in range(length):
        votes = added_up(counts.lowest, numbers[place], len(points))
        position = _position(points, numbers, place, counts, threshold)
        may_be_shown = np.isin(points, points_of(position.characters))
        if votes[may_be_shown].sum() < MIN_KEPT_SHARE * votes[points != END].sum():
            break
        positions.append(position)
    return positions


def number_points(texts: pa.Array, width: int, chunk: int = CHUNK) -> tuple[CodePoints, Numbers]:
    """The code points that occur, and at each place the number of each text's code point among them.

    The code points of all texts at once would take four bytes each, and several times as many on the way. These take
    the fewest bytes that hold the largest number: one or two, unless nearly all of Unicode occurs.

    Args:
        texts: ``large_string`` without nulls.
        width: Number of places.
        chunk: Texts to look at together.

    Returns:
        Ascending code points, and numbers of shape (width, texts).
    """
    occurs = np.zeros(END + 1, np.bool_)
    for _, points in _chunks(texts, width, chunk):
        occurs[points] = True
    found = np.flatnonzero(occurs).astype(np.uint32)
    number_of_point = np.zeros(END + 1, np.min_scalar_type(max(len(found) - 1, 0)))
    number_of_point[found] = np.arange(len(found))
    numbers = np.empty((width, len(texts)), number_of_point.dtype)
    for start, points in _chunks(texts, width, chunk):
        numbers[:, start : start + len(points)] = number_of_point[points.T]
    return found, numbers


def _chunks(texts: pa.Array, width: int, chunk: int) -> Iterator[tuple[int, CodePoints]]:
    for start in range(0, len(texts), chunk):
        yield start, to_code_points(texts.slice(start, chunk), width)


def _protected_length(counts: ValueCounts, protection: ValueProtection, rng: np.random.Generator) -> int:
    lengths, groups = np.unique(lengths_of(counts.values), return_inverse=True)
    # Each entity counts once, by its first text: no more have a text so long than there are.
    entities = added_up(counts.lowest, groups, len(lengths))
    bounds = protection.bounds(pa.array(lengths), entities, entities, rng)
    return 0 if bounds is None else min(max(bounds[1], 1), MAX_POSITIONS)


def _position(points: CodePoints, numbers: Numbers, place: int, counts: ValueCounts, threshold: int) -> Position:
    """One position; `numbers` tells at each place which of the points each text has."""
    here, is_end = numbers[place], points == END
    keep = surely_held(counts, here, len(points)) >= threshold
    may_end = bool(keep[is_end].any())
    votes = added_up(counts.lowest, here, len(points))
    if votes[~keep & ~is_end].sum() > MAX_RARE_SHARE * votes.sum():
        near = numbers[max(place - NEAR, 0) : place + NEAR + 1].astype(np.int32)
        near.sort(axis=0)
        near[1:][near[1:] == near[:-1]] = -1
        keep |= surely_held(counts, near.T, len(points)) >= threshold
    kinds = _held_kinds(counts, np.where(keep, NO_KIND, kinds_of(points))[here], threshold)
    position = Position(characters=[chr(point) for point in points[keep & ~is_end]], may_end=may_end)
    return position.model_copy(update={"kinds": [kind for kind in kinds if len(position.of_kind(kind))]})


def _held_kinds(counts: ValueCounts, kind_of_text: Numbers, threshold: int) -> list[str]:
    """Kinds of which enough entities have a character that is not shown."""
    held = surely_held(counts, kind_of_text, len(kind_names()))
    return [kind for kind, entities in zip(kind_names(), held.tolist(), strict=True) if entities >= threshold]
