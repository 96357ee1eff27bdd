"""Differentially private mechanisms on counts of entities, as frozen records: what they do, and what they guarantee.

Two data sets are neighbours if one has all rows of one entity (person) more than the other. Every mechanism here asks
for counts to which an entity adds at most 1, to one cell only.

Belongs here: mechanisms with their proofs. Does not belong here: budgets, columns, what the counts are of.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from synth_engine.privacy.noise import Integers, NoiseSource, discrete_laplace
from synth_engine.privacy.protection import MINIMUM_ENTITIES

RARELY, UNLIKELY = 0.05, 0.001
"""Probabilities with which noise may pass for people: where that costs codes, and where it costs sub-columns."""

# Parts of ε that sums are bounded with: large ones are good for short sums, small ones for long sums.
_SLOPES = np.array([0.9, 0.75, 0.6, 0.4, 0.2, 0.1])


@dataclass(frozen=True)
class NoisyHistogram:
    """Counts of cells that are fixed before the data is seen, each with discrete Laplace noise.

    Formal guarantees: (ε, 0)-differential privacy. Proof: an entity changes one count by one. With noise that has
    ``P(z)`` proportional to ``exp(-ε |z|)`` the probability of any result changes by a factor of at most ``exp(ε)`` in
    that cell, and not at all in the others, whose noise is independent (Ghosh, Roughgarden and Sundararajan,
    "Universally utility-maximizing privacy mechanisms", 2009).
    """

    name: ClassVar[str] = "discrete Laplace histogram"
    epsilon: float
    delta: ClassVar[float] = 0.0

    def release(self, counts: Integers, source: NoiseSource) -> Integers:
        """Counts with noise; may be negative. All cells must be there, those that nobody is in as well."""
        return counts + discrete_laplace(self.epsilon, len(counts), source)

    def noise_bound(self, n_cells: int, failure: float = RARELY) -> int:
        """What the noise of none of so many cells exceeds, but with probability `failure`. Depends on no data."""
        return max(math.ceil(math.log(max(n_cells, 1) / (2 * failure)) / self.epsilon), 1)

    def noticed(self, noisy: Integers, failure: float = UNLIKELY) -> npt.NDArray[np.bool_]:
        """At which cells noisy counts, added up in their order from some cell on, have come to more than noise does.

        Where nobody is in any of them, that is nowhere, but with probability `failure`; so up to the first cell with
        anybody in it, whoever is behind. Where there is no noise a single person is not noticed either. Depends on
        noisy counts alone.

        Half of `failure` is for single counts: ``P(Z > k)`` is at most ``exp(-ε k) / 2``. The other half is for sums:
        for a λ below ε let M be the mean of ``exp(λ Z)`` and S the sum of the noise of k cells. ``exp(λ S) / M**k`` is
        a martingale in k that begins with 1, so with probability 1 - f it never exceeds 1 / f (Ville's inequality),
        that is, S never exceeds ``(k ln M + ln(1 / f)) / λ``. Every λ of `_SLOPES` has an equal part of that half. Of
        each part a cell (to begin with) has a share that falls with its place, so that far cells cost near ones little.
        """
        places = np.arange(1, len(noisy) + 1)
        reserve = np.log(2 * places * (1 / places).sum() / failure)
        found: npt.NDArray[np.bool_] = noisy > np.maximum((reserve - math.log(2)) / self.epsilon, 1)
        for slope in _SLOPES * self.epsilon:
            decays = [math.log(-math.expm1(-self.epsilon + sign * slope)) for sign in (1, -1)]
            gain = slope * noisy - 2 * math.log(-math.expm1(-self.epsilon)) + sum(decays)
            reached = np.cumsum(gain)
            least = np.maximum(reserve + math.log(len(_SLOPES)), slope)
            found |= reached > np.minimum.accumulate(reached - gain + least)
        return found


@dataclass(frozen=True)
class StableHistogram:
    """Counts of values that are known from the data alone: a value is shown only if its noisy count is high enough.

    Formal guarantees:
        - (ε, δ)-differential privacy;
        - a shown value is held by at least `minimum` entities, whatever the noise.

    Proof: let an entity more raise the count of one value from c to c + 1. If c + 1 < `minimum`, the value is shown in
    neither case. If c + 1 = `minimum`, it is shown only with the entity, and with probability at most δ: `threshold` is
    chosen so that ``P(minimum + Z >= threshold) <= δ``. Otherwise its noisy count is (ε, 0)-differentially private, and
    so is what depends on it. (Korolova et al., "Releasing search queries and clicks privately", 2009; Bun, Nissim and
    Stemmer, "Simultaneous private learning of multiple concepts", 2016; there with `minimum` 1.)
    """

    name: ClassVar[str] = "stability-based histogram"
    epsilon: float
    delta: float
    minimum: int = MINIMUM_ENTITIES

    @property
    def threshold(self) -> int:
        """Noisy count from which on a value is shown.

        ``P(Z >= k)`` is ``exp(-ε k) / (1 + exp(-ε))`` for k from 1 on, so k must be ``ln(1 / (δ (1 + exp(-ε)))) / ε``.
        """
        least = -math.log(self.delta * (1 + math.exp(-self.epsilon))) / self.epsilon
        return self.minimum + max(math.ceil(least * (1 + 1e-9)), 1)  # the logarithm may have been rounded down

    def release(self, counts: Integers, source: NoiseSource) -> Integers:
        """Noisy counts of the values that are shown, zero for all others."""
        candidates = np.flatnonzero(counts >= self.minimum)
        noisy = counts[candidates] + discrete_laplace(self.epsilon, len(candidates), source)
        shown = np.zeros(len(counts), np.int64)
        shown[candidates] = np.where(noisy >= self.threshold, noisy, 0)
        return shown


@dataclass(frozen=True)
class OpenHistogram:
    """Counts of values, some known beforehand, such as the letters of ASCII, and some from the data alone.

    Formal guarantees: (ε, δ)-differential privacy. Proof: an entity adds to the count of one value, which is either
    known or not. So it changes the answer of one of two mechanisms that are (ε, δ)-differentially private, and the
    other's not at all: parallel composition (McSherry, "Privacy integrated queries", 2009).
    """

    name: ClassVar[str] = "discrete Laplace histogram of known values, stability-based of others"
    epsilon: float
    delta: float

    @property
    def others(self) -> StableHistogram:
        """The mechanism of values that are not known."""
        return StableHistogram(self.epsilon, self.delta)

    def release(self, known: Integers, others: Integers, source: NoiseSource) -> tuple[Integers, Integers]:
        """Noisy counts of known values that are clearly there, and of others past the threshold; zero for the rest."""
        mechanism = NoisyHistogram(self.epsilon)
        noisy = mechanism.release(known, source)
        shown = np.where(noisy > mechanism.noise_bound(len(known)), noisy, 0)
        return shown, self.others.release(others, source)
