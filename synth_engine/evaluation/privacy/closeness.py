"""Distances to the closest record (DCR): are synthetic rows closer to training rows than to held-out rows?

Belongs here: distances, seen from synthetic rows. Does not belong here: membership, seen from real rows.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.privacy.features import MAX_ROWS, Prepared, Rows, Space
from synth_engine.evaluation.privacy.intervals import wilson
from synth_engine.evaluation.privacy.neighbours import nearest
from synth_engine.evaluation.privacy.results import Estimate, NotMeasured, Result

_LEAST = 20  # rows of each origin
_LEAST_OF_CONTROL = 100  # held-out rows of each half
_TIE = 1e-6


class Distances(Result):
    """Distances of synthetic units to their closest records, one column that differs wholly being 1.

    Attributes:
        fifth_percentile: Of twenty synthetic units one is closer.
        median: Half of them are closer.
        ratio_fifth_percentile: The distance over that to the second closest record (nearest neighbour distance ratio);
            near 0 where a unit is close to one real unit and to no other.
        ratio_median: The same, in the middle.
    """

    fifth_percentile: float
    median: float
    ratio_fifth_percentile: float
    ratio_median: float


class Closeness(Result):
    """Distances to the closest record.

    Attributes:
        share_closer_to_training: Share of synthetic units that are closer to a training unit than to any of as many
            held-out units; ties count half. 0.5 if nothing was copied.
        control: The same of held-out units in place of synthetic ones, in halves. If its interval leaves out 0.5, the
            held-out units are no sample of the same population, and no figure here can be trusted.
        to_training: Distances to training units.
        to_holdout: Distances to equally many held-out units.
        n_synthetic: Synthetic units that were compared.
        n_real: Training units, and held-out units, that each was compared with.
        n_effective: Real units that the share rests on: fewer than there are, as some are closest to many.
    """

    share_closer_to_training: Estimate
    control: Estimate | NotMeasured
    to_training: Distances
    to_holdout: Distances
    n_synthetic: int
    n_real: int
    n_effective: float
    means: str = (
        "Whether synthetic rows keep closer to the people of the training data than to people who were not in it. "
        "0.5 is what a sample of new people would have; more shows that rows were memorised."
    )
    does_not_mean: str = (
        "That the data are private where the share is 0.5: it is a mean over all rows, so a few copied people do not "
        "show, nor does anything learned of people that is not near to them as a whole (Yao et al., 'The DCR "
        "Delusion', arXiv 2505.01524). Trust the membership attacks rather than this."
    )


def closeness(prepared: Prepared, *, seed: int = 0, max_rows: int = MAX_ROWS) -> Closeness | NotMeasured:
    """Distances to the closest record, the usual figure, with an interval and a control.

    Alone it does not convince: generators that pass it were found to be open to membership inference (Yao, Krčo, Ganev
    and de Montjoye, "The DCR delusion: measuring the privacy risk of synthetic data", arXiv 2505.01524, 2025).

    The interval counts real rows, not synthetic ones: rows with the same closest record are one witness. With weights
    w that real rows have as closest ones, the share rests on ``(Σ w)² / Σ w²`` of them (Kish, 1965).

    Args:
        prepared: Rows of all origins.
        seed: Of the samples.
        max_rows: Rows of each origin that are compared at most (fewer of wide tables).
    """
    lacking = prepared.lacks(_LEAST)
    if lacking:
        return NotMeasured(not_measured=lacking)
    space, rng = Space.of(prepared), generator(seed, "privacy", "closeness")
    most = space.most(max_rows)
    n_real = min(len(prepared.training), len(prepared.holdout), most)
    training, holdout = prepared.training.shuffled(rng, n_real), prepared.holdout.shuffled(rng, n_real)
    synthetic = prepared.synthetic.shuffled(rng, most)
    closer, n_effective, found = _compared(space, synthetic, training, holdout)
    return Closeness(
        share_closer_to_training=closer,
        control=_control(space, training, holdout),
        to_training=_distances(found[0]),
        to_holdout=_distances(found[1]),
        n_synthetic=len(synthetic),
        n_real=n_real,
        n_effective=n_effective,
    )


def _compared(
    space: Space, rows: Rows, training: Rows, holdout: Rows
) -> tuple[Estimate, float, list[npt.NDArray[np.float64]]]:
    points = space.points(rows)
    (one, of_one), (other, of_other) = (nearest(points, space.points(real), 2) for real in (training, holdout))
    is_tie = np.abs(one[:, 0] - other[:, 0]) < _TIE
    is_closer = (one[:, 0] < other[:, 0]) & ~is_tie
    witnesses = np.where(is_closer | is_tie, of_one[:, 0], len(training) + of_other[:, 0])
    weights = np.unique(witnesses, return_counts=True)[1]
    n_effective = float(weights.sum() ** 2 / (weights**2).sum())
    return wilson(float(is_closer.mean() + is_tie.mean() / 2), n_effective), n_effective, [one, other]


def _control(space: Space, training: Rows, holdout: Rows) -> Estimate | NotMeasured:
    size = len(holdout) // 2
    if size < _LEAST_OF_CONTROL:
        return NotMeasured(not_measured=f"needs at least {2 * _LEAST_OF_CONTROL} held-out units, found {len(holdout)}")
    halves = [holdout.take(places) for places in np.split(np.arange(2 * size), 2)]
    return _compared(space, halves[0], training.take(np.arange(size)), halves[1])[0]


def _distances(found_RK: npt.NDArray[Any]) -> Distances:
    first, second = found_RK.T
    ratios = np.divide(first, second, out=np.ones(len(first)), where=second > _TIE)
    low, middle = np.quantile(first, [0.05, 0.5])
    return Distances(
        fifth_percentile=float(low),
        median=float(middle),
        ratio_fifth_percentile=float(np.quantile(ratios, 0.05)),
        ratio_median=float(np.median(ratios)),
    )
