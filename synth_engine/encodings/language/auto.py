"""AUTO in a language table: numbers, dates and truth values by their type, texts by their values."""

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.language.base import LanguageEncoding
from synth_engine.encodings.language.categorical import LanguageCategorical
from synth_engine.encodings.language.text import LanguageText
from synth_engine.encodings.text_auto import MIN_COMMON_SHARE
from synth_engine.encodings.text_form import is_text
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import MINIMUM_ENTITIES, Budget, ValueProtection

# More categories than these are texts: each would have to be learned on its own.
MAX_CATEGORIES = 1_000
# Shares of a budget that the choice may spend, and by how much counts of texts go beyond those that nobody shares.
_TEXTS, _SHARED = 0.05, 0.05
_SHARING = MINIMUM_ENTITIES - 1


@dataclass(frozen=True, eq=False, kw_only=True)
class ChosenTexts(ValueCounts):
    """A differentially private summary, and the encoding that it was made for.

    Args:
        chosen: One of the two.
        released: What that released.
    """

    chosen: type[LanguageEncoding]
    released: ValueCounts


class LanguageTextAuto:
    """Categories where few texts are common, and nearly all entities have one of them; otherwise free text.

    Guarantees: one entity has one vote, whatever number of texts it has; only the chosen encoding is published.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.AUTO

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Text; a dictionary says that it holds categories."""
        return is_text(dtype)

    @classmethod
    def summarise(cls, values: pa.Array, entities: npt.NDArray[np.int64] | None = None) -> ValueCounts:
        """Sensitive summary of one partition; that of texts does for categories."""
        return LanguageText.summarise(values, entities)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Choose by noisy counts, and release as the chosen encoding does; `fit` then keeps to that choice.

        Guarantees: (ε, δ)-differential privacy with the budget's ε and δ, by sequential composition of three questions:
        how many have a text, how many share it, and those of the chosen encoding.
        """
        of_text, _ = counts.contributions
        texts, _ = budget.histogram(np.array([of_text.sum()], np.int64), _TEXTS, "entities with a text")
        beyond = np.array([np.maximum(of_text - _SHARING, 0).sum()], np.int64)
        shared, mechanism = budget.histogram(beyond, _SHARED, "entities whose text many share")
        common = int(shared[0]) + mechanism.noise_bound(1)  # in doubt categories: nothing else is told exactly
        chosen = LanguageCategorical if common >= MIN_COMMON_SHARE * int(texts[0]) else LanguageText
        released = chosen.release(counts, dtype, budget.part(1 - _TEXTS - _SHARED, delta_share=1.0))
        known = {each.name: getattr(released, each.name) for each in fields(ValueCounts)}
        return ChosenTexts(**known, chosen=chosen, released=released)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> LanguageEncoding:
        """Fit the better suited of the two."""
        if isinstance(counts, ChosenTexts):
            return counts.chosen.fit(counts.released, dtype, protection, rng)
        categories = LanguageCategorical.fit(counts, dtype, protection, rng)
        is_kept = pc.is_in(counts.values, pa.array(categories.categories, counts.values.type))
        is_common = is_kept.to_numpy(zero_copy_only=False) & (counts.entities >= MINIMUM_ENTITIES)
        total = counts.lowest.sum()
        are_few = is_common.sum() <= MAX_CATEGORIES
        if are_few and counts.lowest[is_common].sum() >= MIN_COMMON_SHARE * total:
            return categories
        return LanguageText.fit(counts, dtype, protection, rng)
