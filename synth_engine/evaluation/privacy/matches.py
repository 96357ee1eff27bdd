"""Synthetic rows that are real rows: exactly, after rounding, or in all columns but one.

Belongs here: matches and their baseline. Does not belong here: distances.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.privacy.features import Codes, Prepared
from synth_engine.evaluation.privacy.intervals import difference, more_than_chance, share
from synth_engine.evaluation.privacy.results import Estimate, NotMeasured, Result, Share

_ENOUGH_TO_LEAVE_ONE_OUT = 3
_Hashes = npt.NDArray[np.uint64]


class MatchLevel(Result):
    """Matches of one kind.

    Attributes:
        training: Share of the training units that are among the synthetic ones.
        holdout: The same of held-out units: what happens by chance, since many people are alike.
        excess: The difference of both.
        p_value: Probability of so many hits among the training units, were it chance which units were training ones
            (Fisher's exact test, one-sided). Right also where rows repeat each other.
        synthetic_in_training: The other way round: share of the synthetic units that are among training units.
        synthetic_in_holdout: The same of held-out units. Both are expected shares among equally many of either, taken
            at random from the larger; None where that is not defined.
    """

    training: Share
    holdout: Share
    excess: Estimate
    p_value: float
    synthetic_in_training: float | None = None
    synthetic_in_holdout: float | None = None


class Matches(Result):
    """Matches of all kinds.

    Attributes:
        exact: All columns have equal values.
        coarse: Numbers and times only have to be in the same of 20 steps, each with about as many real units.
        all_but_one: At most one column has another value.
        isolated: Exact matches of those real units only that no other real unit equals in all columns but one: people
            who stand out (of all units, so shares are small). A single hit is worth a look, whatever the p-value.
    """

    exact: MatchLevel
    coarse: MatchLevel
    all_but_one: MatchLevel | NotMeasured
    isolated: MatchLevel
    means: str = (
        "How many people of the training data appear among the synthetic rows, beside how many people appear who were "
        "not in the training data at all. Only what goes beyond the latter was copied; the rest is chance, as many "
        "people share the same values."
    )
    does_not_mean: str = (
        "That nothing was learned of single people where there is no excess: a copy with two changed values is no "
        "match here. Nor that a copy is harmless because the excess is small: see the isolated ones."
    )


def matches(prepared: Prepared) -> Matches | NotMeasured:
    """Compare all rows with all rows, by hashes of 64 bits: linear in rows, for all but one column also in columns.

    Whether two rows match does not depend on which of them was in training, and what is counted are real rows. So if
    the generator had kept nothing of single rows, hits would be dealt to training and held-out rows as by lot.
    """
    lacking = prepared.lacks(1)
    if lacking:
        return NotMeasured(not_measured=lacking)
    exact, coarse = [[_Hashed(rows.codes_RC) for rows in part.origins] for part in (prepared, prepared.coarse())]
    isolated = _isolated(exact[0], exact[1])
    found = [np.isin(rows.total, exact[2].total) for rows in exact[:2]]
    close: MatchLevel | NotMeasured = NotMeasured(not_measured="needs at least three columns")
    if len(prepared.names) >= _ENOUGH_TO_LEAVE_ONE_OUT:
        close = _level(*(_found_but_for_one(rows, exact[2]) for rows in exact[:2]))
    alone = _level(*(hits & among for hits, among in zip(found, isolated, strict=True)))
    return Matches(exact=_whole_level(*exact), coarse=_whole_level(*coarse), all_but_one=close, isolated=alone)


class _Hashed:
    """Rows as sums of random numbers, one for each value: a column is left out by subtraction."""

    def __init__(self, codes_RC: Codes) -> None:
        self.codes_RC = codes_RC
        self.total: _Hashes = np.zeros(len(codes_RC), np.uint64)
        for column in range(codes_RC.shape[1]):
            self.total += self._parts(column)

    def without(self, column: int) -> _Hashes:
        return self.total - self._parts(column)

    def _parts(self, column: int) -> _Hashes:
        """SplitMix64 (Steele, Lea and Flood, 2014) of the code, from a start of the column's own."""
        start = generator(0, "privacy", "hash", column).integers(0, 2**64, dtype=np.uint64)
        mixed = (self.codes_RC[:, column].astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + start
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def _found_but_for_one(rows: _Hashed, synthetic: _Hashed) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(rows.total), np.bool_)
    for column in range(rows.codes_RC.shape[1]):
        found |= np.isin(rows.without(column), synthetic.without(column))
    return found


def _isolated(training: _Hashed, holdout: _Hashed) -> list[npt.NDArray[np.bool_]]:
    """Of each real row, whether no other equals it in all columns but one (of fewer than three columns: in all)."""
    n_columns = training.codes_RC.shape[1]
    keys = range(n_columns) if n_columns >= _ENOUGH_TO_LEAVE_ONE_OUT else [None]
    alone = np.ones(len(training.total) + len(holdout.total), np.bool_)
    for column in keys:
        pair = [rows.total if column is None else rows.without(column) for rows in (training, holdout)]
        _, inverse, counts = np.unique(np.concatenate(pair), return_inverse=True, return_counts=True)
        alone &= counts[inverse] == 1
    return np.split(alone, [len(training.total)])


def _level(training: npt.NDArray[np.bool_], holdout: npt.NDArray[np.bool_], **more: float) -> MatchLevel:
    one, other = share(int(training.sum()), len(training)), share(int(holdout.sum()), len(holdout))
    return MatchLevel(
        training=one, holdout=other, excess=difference(one, other), p_value=more_than_chance(one, other), **more
    )


def _whole_level(training: _Hashed, holdout: _Hashed, synthetic: _Hashed) -> MatchLevel:
    size = min(len(training.total), len(holdout.total))
    return _level(
        np.isin(training.total, synthetic.total),
        np.isin(holdout.total, synthetic.total),
        synthetic_in_training=_share_among(synthetic.total, training.total, size),
        synthetic_in_holdout=_share_among(synthetic.total, holdout.total, size),
    )


def _share_among(synthetic: _Hashes, real: _Hashes, size: int) -> float:
    """Expected share of synthetic rows that are among `size` real rows, taken at random without replacement."""
    from scipy.special import gammaln

    values, counts = np.unique(real, return_counts=True)
    places = np.minimum(np.searchsorted(values, synthetic), len(values) - 1)
    copies = np.where(values[places] == synthetic, counts[places], 0)
    rest = len(real) - size
    if rest == 0:
        return float((copies > 0).mean())
    # none of c copies among them: C(N - c, n) / C(N, n) = C(N - n, c) / C(N, c)
    held: npt.NDArray[Any] = np.minimum(copies, rest)
    log_none = gammaln(rest + 1) - gammaln(rest - held + 1) - gammaln(len(real) + 1) + gammaln(len(real) - held + 1)
    return float(np.where(copies > rest, 1.0, -np.expm1(log_none)).mean())
