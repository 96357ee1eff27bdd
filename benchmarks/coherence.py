"""How events hang together, of samples with a context key: figures of our own, none of which needs a model.

Belongs here: figures on events alone, comparing those of a sample with real ones. Does not belong here: whose they are.
The events of a subject are in their order; what lies between them does not matter.
"""

from typing import Any

import numpy as np
import pandas as pd

ENDS = (1, 2)  # lengths whose shares are told one by one, beside none and the longest


def coherence_figures(
    events: pd.DataFrame, real: pd.DataFrame, key: str, n_subjects: tuple[int, int], columns: list[str], order: str
) -> dict[str, Any]:
    """Figures of events beside real ones; held-out events in their place show what could be reached.

    Args:
        events: Events to judge.
        real: Events to compare with.
        key: Column that tells the subject.
        n_subjects: Subjects of `events` and of `real`; those without events count as such.
        columns: Whose values follow their former values.
        order: A column that is said never to run backwards within a subject.
    """
    lengths = [lengths_of(*each) for each in ((events[key], n_subjects[0]), (real[key], n_subjects[1]))]
    return {
        "transitions": {name: transition_distance(events, real, key, name) for name in columns},
        "stays": {name: [stays(each, key, name) for each in (events, real)] for name in columns},
        "never_backwards": [never_backwards(each, key, order) for each in (events, real)],
        "lengths": length_figures(*lengths),
    }


def total_variation(one: pd.Series, other: pd.Series) -> float:
    """Distance of two distributions: shares by value."""
    return float(one.sub(other, fill_value=0).abs().sum() / 2)


def transition_distance(events: pd.DataFrame, real: pd.DataFrame, key: str, column: str) -> float:
    """Total variation between the laws of the next value given the one before, weighted by the real ones before.

    A value that comes before others in `real` and never in `events` counts as wholly wrong. Even real events of others
    are away from 0: the more values, the further.
    """
    one, other = (_pairs(each, key, column) for each in (events, real))
    weights = other.groupby("before").size() / len(other)
    laws = [pairs.groupby("before")["after"].value_counts(normalize=True) for pairs in (one, other)]
    away = laws[0].sub(laws[1], fill_value=0).abs().groupby("before").sum() / 2
    away[~away.index.isin(laws[0].index.get_level_values("before"))] = 1.0
    return float((away.reindex(weights.index) * weights).sum())


def stays(events: pd.DataFrame, key: str, column: str) -> float:
    """Share of events, but first ones, whose value is that of the event before."""
    pairs = _pairs(events, key, column)
    return float((pairs["before"] == pairs["after"]).mean())


def never_backwards(events: pd.DataFrame, key: str, column: str) -> float:
    """Share of the subjects with at least two events for which no value is less than the one before; gaps are not."""
    ordered = events.sort_values(key, kind="stable")
    is_less = ordered[column] < ordered.groupby(key)[column].shift()
    several = ordered[key].duplicated(keep=False)
    return float((~is_less)[several].groupby(ordered[key][several]).all().mean())


def lengths_of(keys: pd.Series, n_subjects: int) -> np.ndarray:
    """Events of each subject, zeros for those that have none."""
    counts = keys.value_counts().to_numpy()
    if len(counts) > n_subjects:
        raise ValueError(f"expected events of at most {n_subjects} subjects, found {len(counts)}")
    return np.concatenate([counts, np.zeros(n_subjects - len(counts), counts.dtype)])


def length_figures(lengths: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    """Distance of lengths from real ones, and both their ends: shares of 0, 1, 2 events, mean, and the longest."""
    shares = [pd.Series(each).value_counts(normalize=True) for each in (lengths, real)]
    ends = {str(end): [float(share.get(end, 0)) for share in shares] for end in (0, *ENDS)}
    both = (lengths, real)
    return {
        "total_variation": total_variation(*shares),
        "shares": ends,
        "mean": [float(each.mean()) for each in both],
        "longest": [int(each.max()) for each in both],
    }


def _pairs(events: pd.DataFrame, key: str, column: str) -> pd.DataFrame:
    """Each value but first ones beside the one before it; a gap is a value of its own."""
    ordered = events.sort_values(key, kind="stable")
    values = ordered[column].astype(object).where(ordered[column].notna(), "null")
    pairs = pd.DataFrame({"before": values.groupby(ordered[key]).shift(), "after": values})
    return pairs[ordered[key].duplicated()]
