"""Differentially private summaries of texts that are drawn character by character: popular ones, and made-up others.

An entity's text has as many characters as it is long, but asking about each place on its own would leave each a small
part of the budget. So characters are asked for in two bands, the first place and all others, of each of which a text
stands with one of its characters. A character that is common anywhere is found as well that way as it would be at its
own place, and the alphabet of a place is larger than it need be rather than smaller: that costs codes, not texts.
"""

import numpy as np
import pyarrow as pa

from synth_engine.encodings.code_points import END, CodePoints, from_code_points, lengths_of, to_code_points
from synth_engine.encodings.holders import added_up
from synth_engine.encodings.occupancy import between_ends
from synth_engine.encodings.released_values import noisy_counts
from synth_engine.encodings.value_counts import Counts, ValueCounts
from synth_engine.privacy import MINIMUM_ENTITIES, Budget

# Longer texts count as so long.
MAX_LENGTH = 64
# Shares of the column's budget; 1 in all. Popular texts and the two bands share delta equally.
_POPULAR, _LENGTHS, _BAND = 0.2, 0.1, 0.35
_DELTA = 1 / 3
# Known beforehand: the printable characters of ASCII.
_KNOWN = np.arange(ord(" "), ord("~") + 1)
# Distance between texts of the same place in the order of an alphabet: any will do that is not the same everywhere.
_STRIDE = 7

Alphabet = tuple[CodePoints, Counts]


def release_characters(counts: ValueCounts, budget: Budget) -> ValueCounts:
    """Popular texts, and made-up ones with about the lengths and characters of the others. Takes the whole budget.

    Each character of a band is at each of its places in some made-up text, and each length in the range is there.

    Guarantees:
        - (ε, δ)-differential privacy with the budget's ε and δ, by sequential composition of four questions: popular
          texts, lengths and nulls of the others, their characters in two bands. In each an entity is counted once at
          most: which character of a text stands for an entity depends on the text alone and on how many have it, so
          that one more adds one character;
        - a text shown exactly is held by as many entities as `StableHistogram` says, a character outside ASCII as
          well; made-up texts depend on noisy counts alone, and none stands for so many unless it is a popular one.

    Args:
        counts: The exact summary, of texts as ``large_string``.
        budget: The column's budget.
    """
    of_value, of_null = counts.contributions
    popular, _ = budget.stable_histogram(of_value, _POPULAR, "popular texts", _DELTA)
    shown = popular > 0
    rest, of_rest = counts.values.filter(pa.array(~shown)), of_value[~shown]
    lengths, nulls = _lengths_and_nulls(rest, of_rest, of_null, budget)
    points = to_code_points(rest, max(len(lengths) - 1, 1))
    alphabets = [_alphabet(points, of_rest, *band, budget) for band in ((0, 1), (1, MAX_LENGTH))]
    made_up = _made_up(lengths, alphabets)
    hidden = int(lengths.sum()) if len(made_up) == 0 else 0
    known = noisy_counts(counts.values.filter(pa.array(shown)), popular[shown], nulls, hidden_entities=hidden)
    return known.merge(_standing_for(made_up, int(lengths.sum())))


def _lengths_and_nulls(texts: pa.Array, of_text: Counts, of_null: int, budget: Budget) -> tuple[Counts, int]:
    """Noisy number of texts of each length, up to the largest that is in use; and of nulls if that is noticeable."""
    exact = added_up(of_text, np.minimum(lengths_of(texts), MAX_LENGTH), MAX_LENGTH + 1)
    noisy, mechanism = budget.histogram(np.append(exact, of_null), _LENGTHS, "lengths and nulls")
    inside = between_ends(noisy[:-1], mechanism)
    # A length between two that are in use may be drawn, however few seem to have it.
    lengths = np.where(inside, np.maximum(noisy[:-1], 1), 0)
    nulls = int(noisy[-1])
    return np.trim_zeros(lengths, "b"), nulls if nulls > mechanism.noise_bound(1) else 0


def _alphabet(points: CodePoints, of_text: Counts, first: int, end: int, budget: Budget) -> Alphabet:
    """Characters of some places and their noisy counts, where every entity stands for one of its text's characters."""
    band = points[:, first:end]
    n_places = np.maximum((band != END).sum(axis=1), 1)
    # As many entities have one text, so many of its characters are counted in turn, from one on that the text tells.
    turns, begin = np.divmod(of_text, n_places), points.sum(axis=1, dtype=np.int64) % n_places
    candidates = np.unique(np.append(points, np.uint32(END)))
    found = np.zeros(len(candidates), np.int64)
    for place in range(band.shape[1]):
        is_inside = band[:, place] != END
        stands = turns[0] + ((place - begin) % n_places < turns[1])
        which = np.searchsorted(candidates, band[is_inside, place])
        found += added_up(stands[is_inside], which, len(candidates))
    return _shown(candidates, found, "first characters" if first == 0 else "other characters", budget)


def _shown(candidates: CodePoints, found: Counts, purpose: str, budget: Budget) -> Alphabet:
    is_known = np.isin(candidates, _KNOWN)
    of_known = np.zeros(len(_KNOWN), np.int64)
    of_known[candidates[is_known] - _KNOWN[0]] = found[is_known]
    others = candidates[~is_known]
    noisy = np.concatenate(budget.open_histogram(of_known, found[~is_known], _BAND, purpose, _DELTA))
    characters = np.concatenate([_KNOWN, others]).astype(np.uint32)
    return characters[noisy > 0], noisy[noisy > 0]


def _made_up(lengths: Counts, alphabets: list[Alphabet]) -> CodePoints:
    """Texts with about these lengths and characters; none where no character may be shown, unless all are empty."""
    first, others = alphabets
    first, others = (first if len(first[0]) else others), (others if len(others[0]) else first)
    width = max(len(lengths) - 1, 1)
    has_characters = len(first[0]) > 0
    if len(lengths) == 0 or (len(lengths) > 1 and not has_characters):
        return np.zeros((0, width), np.uint32)
    total = int(lengths.sum())
    n_texts = max(-(-total // (MINIMUM_ENTITIES - 1)), min(total, 1_000))
    if not has_characters:
        return np.full((n_texts, 1), END, np.uint32)
    # Whatever is drawn here is nobody's: the numbers that it follows are released.
    rng = np.random.default_rng(0)
    places = [first, *[others] * (width - 1)]
    points = np.column_stack([rng.permutation(_shared_out(*place, n_texts)) for place in places])
    points[np.arange(width) >= rng.permutation(_shared_out(np.arange(len(lengths)), lengths, n_texts))[:, None]] = END
    return np.concatenate([points, *_complete(places, lengths)])


def _shared_out(items: Counts | CodePoints, counts: Counts, size: int) -> Counts:
    """So many of the items, ascending, in proportion to their counts."""
    ends = np.cumsum(counts) * size // counts.sum()
    return np.repeat(items, np.diff(ends, prepend=0)).astype(np.int64)


def _complete(places: list[Alphabet], lengths: Counts) -> list[CodePoints]:
    """Texts in which every character is at every place, and texts of every length."""
    most = max(len(characters) for characters, _ in places)
    turns = np.arange(max(most, len(lengths)))
    points = np.column_stack(
        [
            characters[(turns + _STRIDE * place) % len(characters)].astype(np.uint32)
            for place, (characters, _) in enumerate(places)
        ]
    )
    in_use = np.flatnonzero(lengths)
    short = points[: len(in_use)].copy()
    short[np.arange(len(places)) >= in_use[:, None]] = END
    return [points, short]


def _standing_for(points: CodePoints, total: int) -> ValueCounts:
    """A summary in which made-up texts stand for so many entities, each for too few to be popular."""
    texts = from_code_points(points).value_counts()
    wanted = np.cumsum(texts.field("counts").to_numpy())
    ends = wanted * total // max(int(wanted[-1]) if len(wanted) else 1, 1)
    counts = np.clip(np.diff(ends, prepend=0), 1, MINIMUM_ENTITIES - 1)
    return noisy_counts(texts.field("values"), counts.astype(np.int64), 0)
