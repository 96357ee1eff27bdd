"""What Gaussian noise costs: the epsilon of a private training, before and after its steps.

Belongs here: composition of Gaussian releases, sampled or not, and its inverses: how many steps a budget allows for,
how much noise a target needs. Does not belong here: who makes the noise, files, the settings that a user gives.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

AccountantKind = Literal["RDP", "PRV"]

# Any set of orders gives a valid bound; one with the best order in it, the smallest. Opacus' own end at 63, which is
# too few where little is spent. Its binomials overflow past 1029.
_ORDERS = (
    *(1 + x / 20 for x in range(1, 20)),
    *(2 + x / 10 for x in range(90)),
    *map(float, (*range(11, 32), *range(32, 64, 2), *range(64, 128, 8), *range(128, 256, 16), *range(256, 1025, 64))),
)
# Beyond this the PRV accountant needs much memory for a number that nobody can use.
_LARGEST_PRV_EPSILON = 50.0
_EPSILON_ERROR = 0.01
_RELATIVE_TOLERANCE = 1e-3
_MORE_NOISE_THAN_ANYONE_NEEDS = 2.0**20


@dataclass(frozen=True)
class GaussianEvent:
    """Sums of vectors of at most unit length, one per record, with Gaussian noise.

    Args:
        noise_multiplier: Standard deviation of the noise in units of the largest length.
        sample_rate: Probability of each record to take part, independently (Poisson sampling); 1 without sampling.
        steps: How often.
    """

    noise_multiplier: float
    sample_rate: float = 1.0
    steps: int = 1

    def __post_init__(self) -> None:
        assert self.noise_multiplier >= 0, self
        assert 0 <= self.sample_rate <= 1, self
        assert self.steps >= 0, self

    @property
    def is_free(self) -> bool:
        """Whether no record was ever looked at."""
        return self.steps == 0 or self.sample_rate == 0


@dataclass(frozen=True)
class Accountant:
    """The privacy loss of a training's steps together with what was released before them.

    Neighbours are two tables of which one has one record more.

    Guarantees:
        - `epsilon` is an upper bound: every order of Rényi divergence gives one (Mironov, Talwar and Zhang, "Rényi
          differential privacy of the sampled Gaussian mechanism", arXiv 1908.10530; conversion by Balle et al., arXiv
          1905.09982); of the numerical composition (Gopi et al., "Numerical composition of differential privacy", arXiv
          2106.02848) the upper end of its error is taken;
        - no answer of `max_steps` costs more than it was allowed to.

    The numbers are those of Opacus.

    Args:
        delta: Probability that the bound does not hold.
        step: One step.
        before: What else is released.
        kind: ``RDP``, or ``PRV`` for the smaller one of both, which takes a moment.
    """

    delta: float
    step: GaussianEvent
    before: tuple[GaussianEvent, ...] = ()
    kind: AccountantKind = "RDP"

    def epsilon(self, steps: int) -> float:
        """Epsilon after so many steps; infinite without noise.

        >>> noisy = Accountant(1e-5, GaussianEvent(noise_multiplier=1.5, sample_rate=0.01))
        >>> [round(noisy.epsilon(steps), 2) for steps in (0, 1_000, 10_000)]
        [0.0, 1.01, 3.46]
        """
        events = [event for event in (*self.before, replace(self.step, steps=steps)) if not event.is_free]
        if not events:
            return 0.0
        if any(event.noise_multiplier == 0 for event in events):
            return math.inf
        history = [(event.noise_multiplier, event.sample_rate, event.steps) for event in events]
        by_orders = _rdp_epsilon(history, self.delta)
        if self.kind == "RDP" or not by_orders < _LARGEST_PRV_EPSILON:
            return by_orders
        return min(by_orders, _prv_epsilon(history, self.delta))

    def max_steps(self, max_epsilon: float, limit: int) -> int:
        """The most steps, up to `limit`, that cost `max_epsilon` at most; none for 0, however large delta is.

        >>> Accountant(1e-5, GaussianEvent(noise_multiplier=1.5, sample_rate=0.01)).max_steps(1.0, 10_000)
        975
        """
        if max_epsilon == 0:
            return 0
        if self.epsilon(limit) <= max_epsilon:
            return limit
        allowed, refused = 0, limit
        while refused - allowed > 1:
            middle = (allowed + refused) // 2
            allowed, refused = (middle, refused) if self.epsilon(middle) <= max_epsilon else (allowed, middle)
        return allowed

    def with_noise(self, noise_multiplier: float) -> "Accountant":
        """The same with another noise in every step."""
        return replace(self, step=replace(self.step, noise_multiplier=noise_multiplier))

    def noise_for(self, target_epsilon: float, steps: int) -> float:
        """The least noise multiplier, to a thousandth, with which so many steps cost `target_epsilon` at most.

        Raises:
            ValueError: what was released before costs as much already, or no noise is enough.

        >>> plan = Accountant(1e-5, GaussianEvent(noise_multiplier=1.0, sample_rate=0.01))
        >>> noise = plan.noise_for(1.0, steps=1_000)
        >>> round(noise, 2), plan.with_noise(noise).epsilon(1_000) <= 1.0
        (1.51, True)
        """
        enough = 1.0
        while self.with_noise(enough).epsilon(steps) > target_epsilon:
            enough *= 2
            if enough > _MORE_NOISE_THAN_ANYONE_NEEDS:
                raise ValueError(f"no noise makes {steps} steps cost as little as an epsilon of {target_epsilon:.3g}")
        too_little = 0.0 if enough == 1.0 else enough / 2
        while enough - too_little > _RELATIVE_TOLERANCE * enough:
            middle = (enough + too_little) / 2
            is_enough = self.with_noise(middle).epsilon(steps) <= target_epsilon
            too_little, enough = (too_little, middle) if is_enough else (middle, enough)
        return enough


_History = list[tuple[float, float, int]]


def _rdp_epsilon(history: _History, delta: float) -> float:
    from opacus.accountants.analysis.rdp import get_privacy_spent

    divergences = np.sum([steps * _divergences(noise, rate) for noise, rate, steps in history], axis=0)
    with _calm():
        epsilon, _ = get_privacy_spent(orders=_ORDERS, rdp=divergences, delta=delta)
    return max(0.0, float(epsilon))


@lru_cache(maxsize=256)
def _divergences(noise_multiplier: float, sample_rate: float) -> npt.NDArray[np.float64]:
    """Rényi divergence of each order, of one step; infinite where it cannot be computed."""
    from opacus.accountants.analysis.rdp import compute_rdp

    def divergence(order: float) -> float:
        try:
            found = float(compute_rdp(q=sample_rate, noise_multiplier=noise_multiplier, steps=1, orders=order))
        except (ValueError, OverflowError):  # its series of alternating signs is lost in rounding
            return math.inf
        return found if found >= 0 else math.inf

    with _calm():
        return np.array([divergence(order) for order in _ORDERS])


def _prv_epsilon(history: _History, delta: float) -> float:
    """The upper end of the error; infinite where the numerics do not work out."""
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = history
    with _calm():
        try:
            found = float(accountant.get_epsilon(delta, eps_error=_EPSILON_ERROR))
        except (RuntimeError, ValueError):  # the discretisation is too coarse, or delta too small for it
            return math.inf
    return math.inf if math.isnan(found) else max(0.0, found)


@contextmanager
def _calm() -> Iterator[None]:
    """Opacus warns that another order might give a smaller bound; and of logarithms of zero, which are meant."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
