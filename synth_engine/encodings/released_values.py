"""Differentially private summaries of values that only the data knows: categories, texts, numbers taken one by one."""

import math

import numpy as np
import pyarrow as pa

from synth_engine.encodings.value_counts import Counts, ValueCounts
from synth_engine.privacy import Budget, standard_deviation

# Standard deviations of noise that what is left out must exceed to be noticed.
_NOTICEABLE = 3


def release_values(counts: ValueCounts, budget: Budget) -> ValueCounts:
    """The values that many entities stand for, with noisy counts. Takes the whole budget.

    Null counts as one more value. The order of an ordered dictionary is part of its declaration, not of the data: it
    stays, for the values that are shown.

    Guarantees: those of `synth_engine.privacy.StableHistogram`.

    Args:
        counts: The exact summary.
        budget: The column's budget.
    """
    of_value, of_null = counts.contributions
    noisy, mechanism = budget.stable_histogram(np.append(of_value, of_null), 1.0, "values and nulls")
    hidden = budget.records - int(noisy.sum())
    of_shown = standard_deviation(mechanism.epsilon) * math.sqrt((noisy > 0).sum())
    is_noticeable = hidden > _NOTICEABLE * math.hypot(of_shown, budget.records_deviation)
    shown = noisy[:-1] > 0
    return noisy_counts(
        counts.values.filter(pa.array(shown)),
        noisy[:-1][shown],
        int(noisy[-1]),
        levels=counts.levels,
        hidden_entities=hidden if is_noticeable else 0,
    )


def noisy_counts(
    values: pa.Array,
    counts: Counts,
    nulls: int,
    *,
    levels: tuple[str, ...] | None = None,
    hidden_entities: int = 0,
) -> ValueCounts:
    """A summary in which every entity has one row.

    Args:
        values: Distinct values, ascending.
        counts: Entities of each, above 0.
        nulls: Entities without a value.
        levels: The order that an ordered dictionary gives to its values.
        hidden_entities: About how many entities have other values.
    """
    return ValueCounts(
        values,
        counts,
        counts,
        counts,
        counts,
        nulls,
        nulls,
        levels=levels,
        hidden_entities=hidden_entities,
        is_noisy=True,
    )
