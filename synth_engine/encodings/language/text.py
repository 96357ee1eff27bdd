"""LANGUAGE_TEXT: writes free text; what may be drawn is any text that is not too long."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.base import has_protected_nulls
from synth_engine.encodings.code_points import lengths_of
from synth_engine.encodings.holders import added_up
from synth_engine.encodings.language.base import LanguageEncoding
from synth_engine.encodings.language.literals import (
    NULL,
    QUOTES,
    as_texts,
    text_literal,
    text_literals,
    texts_of,
    where_null,
)
from synth_engine.encodings.language.words import Words
from synth_engine.encodings.occupancy import between_ends
from synth_engine.encodings.released_values import noisy_counts
from synth_engine.encodings.text_form import as_dictionary, from_text, is_text
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection

# Longer texts are cut to so many characters.
MAX_LENGTH = 4_096
# So many words tell how to take apart texts of any kind.
MAX_WORDS = 20_000
# Shares of the budget; 1 in all.
_LENGTHS, _WORDS = 0.3, 0.7
# Lengths that differential privacy tells apart: up to each of these.
_LENGTH_ENDS = np.array(
    [0, 1, 2, 3, *(size << power for power in range(11) for size in (4, 6) if size << power <= 4096)]
)

# Without groups in it: otherwise xgrammar takes milliseconds, not microseconds, to tell what may follow each token.
_RULES = {
    "value": r'"\"" character* "\""',
    "character": r"""[^"\\\x00-\x1f] | "\\" ["\\bfnrt] | "\\u000" [0-7bef] | "\\u001" [0-9a-f]""",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ReleasedTexts(ValueCounts):
    """A differentially private summary of texts: it holds none of them.

    Args:
        limit: How long texts are; None where that cannot be told.
        common: Words that many have, most common first.
    """

    limit: int | None
    common: tuple[str, ...]


class LanguageText(LanguageEncoding):
    """A text is a JSON string, in which only what must be escaped is escaped.

    Texts of more than `limit` characters (code points) are cut. Where much has to be escaped they are cut before, so
    that no literal is longer than `longest`. The grammar does not count characters; `read` cuts as `write` does.

    Guarantees: at least as many entities as the protection asks for have texts of `limit` characters or more, and each
    of the words in `common`; nothing else of texts is told. Without protection no text of up to `MAX_LENGTH` characters
    is cut.

    Args:
        limit: Most characters of a text; None where nothing may be known of texts, and all are null.
        longest_literal: Most characters of a literal.
        common: Words that enough entities have, most common first.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.LANGUAGE_TEXT
    encoding_type: Literal[ModelEncodingType.LANGUAGE_TEXT] = ModelEncodingType.LANGUAGE_TEXT
    limit: int | None = None
    longest_literal: int = len(NULL)
    common: list[str] = Field(default_factory=list)

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Text, and dictionaries of text; also a column without any value, which may have been meant to have some."""
        return pa.types.is_null(dtype) or is_text(dtype.value_type if pa.types.is_dictionary(dtype) else dtype)

    @classmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """The texts, as ``large_string``; of too long ones a little more than is kept."""
        texts = as_texts(values)
        if (pc.max(pc.binary_length(texts)).as_py() or 0) <= MAX_LENGTH:
            return texts
        return pc.utf8_slice_codeunits(texts, 0, MAX_LENGTH + 1)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """How long texts are, nulls, and common words.

        Guarantees: (ε, δ)-differential privacy with the budget's ε and δ, by sequential composition of two questions.
        In each an entity is counted once at most: in the second it stands for one word of its text.
        """
        of_text, of_null = counts.contributions
        sizes = np.searchsorted(_LENGTH_ENDS, np.minimum(lengths_of(counts.values), MAX_LENGTH))
        exact = np.append(added_up(of_text, sizes, len(_LENGTH_ENDS)), of_null)
        noisy, mechanism = budget.histogram(exact, _LENGTHS, "lengths and nulls")
        in_use = np.flatnonzero(between_ends(noisy[:-1], mechanism))
        words = Words.of(pc.utf8_slice_codeunits(counts.values, 0, MAX_LENGTH))
        shown, _ = budget.stable_histogram(words.representatives(of_text), _WORDS, "words")
        nulls = int(noisy[-1]) if noisy[-1] > mechanism.noise_bound(1) else 0
        empty = noisy_counts(counts.values[:0], of_text[:0], nulls)
        return ReleasedTexts(
            **{each.name: getattr(empty, each.name) for each in fields(ValueCounts)},
            limit=int(_LENGTH_ENDS[in_use[-1]]) if len(in_use) else None,
            common=tuple(_most_common(words.words, shown, 1)),
        )

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """Find the protected length, and the words that enough entities have."""
        has_nulls = has_protected_nulls(counts, protection, rng)
        limit = counts.limit if isinstance(counts, ReleasedTexts) else _limit(counts, protection, rng)
        if limit is None:
            return cls(dtype=dtype, has_nulls=has_nulls)
        longest = QUOTES + limit + max(limit // 8, 8)  # room for a few escapes
        if isinstance(counts, ReleasedTexts):
            common: Sequence[str] = counts.common
        else:
            texts = pc.utf8_slice_codeunits(counts.values, 0, limit)
            words = Words.of(texts)
            common = _most_common(words.words, words.holders(counts.lowest), protection.threshold(rng))
            if not protection.enabled:
                longest = max(pc.max(pc.utf8_length(text_literals(texts))).as_py(), len(NULL))
        return cls(dtype=dtype, has_nulls=has_nulls, limit=limit, longest_literal=longest, common=list(common))

    @property
    def has_values(self) -> bool:
        """Whether anything may be known of texts."""
        return self.limit is not None

    @property
    def longest(self) -> int:
        """As fitted."""
        return self.longest_literal

    def write(self, values: pa.Array) -> pa.Array:
        """Cut and escape."""
        texts = self.canonical(values)
        if self.limit is None:
            return where_null(pa.nulls(len(texts)), texts)
        literals = text_literals(pc.utf8_slice_codeunits(texts, 0, self.limit))
        is_long = pc.greater(pc.utf8_length(literals), self.longest)
        if is_long.true_count:
            cut = [_cut(text, self.longest) for text in texts_of(literals.filter(is_long)).to_pylist()]
            literals = pc.replace_with_mask(literals, is_long, pa.array(cut, pa.large_string()))
        return literals

    def read(self, literals: pa.Array) -> pa.Array:
        """The texts in the column's type."""
        texts = pc.utf8_slice_codeunits(texts_of(literals), 0, self.limit or 0)
        return as_dictionary(texts, self.dtype) if pa.types.is_dictionary(self.dtype) else from_text(texts, self.dtype)

    def words(self) -> list[str]:
        """As fitted."""
        return self.common

    def loses(self, counts: ValueCounts) -> str | None:
        """Texts beyond `MAX_LENGTH`."""
        n_cut = int((lengths_of(counts.values) > MAX_LENGTH).sum())
        if not n_cut:
            return None
        return f"{n_cut} different texts have more than {MAX_LENGTH:,} characters; only these are kept of them"

    def _rules(self) -> dict[str, str]:
        return _RULES


def _limit(counts: ValueCounts, protection: ValueProtection, rng: np.random.Generator) -> int | None:
    """The largest length that enough entities reach, but `MAX_LENGTH` at most; None where nothing may be known."""
    lengths, places = np.unique(lengths_of(counts.values), return_inverse=True)
    entities = added_up(counts.lowest, places, len(lengths))  # each with the smallest of its texts
    bounds = protection.bounds(pa.array(lengths), entities, entities, rng)
    return None if bounds is None else min(int(bounds[1]), MAX_LENGTH)


def _most_common(words: pa.Array, holders: np.ndarray, least: int) -> list[str]:
    """Words of at least so many entities, most common first."""
    kept = np.flatnonzero(holders >= least)
    order = kept[np.argsort(-holders[kept], kind="stable")][:MAX_WORDS]
    found: list[str] = words.take(pa.array(order)).to_pylist()
    return found


def _cut(text: str, longest: int) -> str:
    """The literal of as much of a text as it has room for."""
    room = longest - QUOTES
    sizes = np.cumsum([len(json.dumps(character, ensure_ascii=False)) - QUOTES for character in text])
    return text_literal(text[: int(np.searchsorted(sizes, room, side="right"))])
