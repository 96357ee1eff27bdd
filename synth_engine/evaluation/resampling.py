"""The bootstrap (Efron, 1979): how far a figure moves when its rows are drawn again.

Belongs here: resampling, and figures fast enough for it. Does not belong here: which figures a report has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synth_engine.evaluation.columns import Floats

N_RESAMPLES = 200


def percentiles(figures: Sequence[float] | Floats, level: float = 0.95) -> tuple[float, float]:
    """The interval in which so many of the resampled figures lie."""
    low, high = np.quantile(np.asarray(figures), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class Ranked:
    """Scores of rows with a label of 0 or 1, sorted once, so that each AUC of a resample is a few sums.

    Args:
        labels: In the order of the scores, shape (rows,).
        places: Place of each row's score among the different scores, shape (rows,).

    >>> Ranked.of(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])).auc()
    0.75
    """

    labels: npt.NDArray[np.bool_]
    places: npt.NDArray[np.int64]

    @classmethod
    def of(cls, scores: Floats, labels: npt.NDArray[np.int64]) -> "Ranked":
        """Scores and labels of the same rows."""
        _, places = np.unique(scores, return_inverse=True)
        return cls(labels == 1, places)

    def auc(self, weights: Floats | None = None) -> float:
        """Probability that a row of label 1 has the higher score, ties counting half; NaN without rows of each label.

        Args:
            weights: How often each row counts; None is once.
        """
        weights = np.ones(len(self.labels)) if weights is None else weights
        n = int(self.places.max()) + 1
        ones = np.bincount(self.places[self.labels], weights[self.labels], n)
        zeros = np.bincount(self.places[~self.labels], weights[~self.labels], n)
        below = np.cumsum(zeros) - zeros / 2
        pairs = ones.sum() * zeros.sum()
        return float((ones * below).sum() / pairs) if pairs else float("nan")

    def resampled_auc(self, rng: np.random.Generator) -> float:
        """AUC of a bootstrap sample, in which rows of each label are as many as before."""
        weights = np.empty(len(self.labels))
        for label in (True, False):
            n = int((self.labels == label).sum())
            weights[self.labels == label] = np.bincount(rng.integers(n, size=n), minlength=n)
        return self.auc(weights)
