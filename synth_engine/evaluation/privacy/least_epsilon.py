"""A lower bound on ε from the output alone: what the generator certainly does not guarantee.

Belongs here: from scores of members and others to ε. Does not belong here: scores (`membership`), accounting of noise
(`synth_engine.privacy`).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.privacy.intervals import share
from synth_engine.evaluation.privacy.membership import Audit, Scores
from synth_engine.evaluation.privacy.results import NotMeasured, Result

ERROR = 0.05
"""Probability with which the bound is too high by chance."""

_LEAST = 100  # members, and others
_FEWEST_GUESSES = 5
_LARGEST = 50.0


class LeastEpsilon(Result):
    """A lower bound on ε.

    Attributes:
        at_least: The generator is not (ε, δ)-differentially private for any ε below; 0 if nothing is known.
        at_least_by_rates: The same from Clopper and Pearson's bounds of true and false positive rates, which take
            records for independent runs of the generator: usual, but not proven for one run.
        delta: The δ of the claim.
        error: Probability with which `at_least` is too high by chance.
        attack: The membership attack that was used; it and the threshold were chosen on other units than were counted.
        n_members: Members that were counted.
        n_non_members: Others that were counted.
        n_guesses: Those of both whom the attack decided about.
        n_right: Of these, whom it decided about rightly.
    """

    at_least: float
    at_least_by_rates: float
    delta: float
    error: float
    attack: str
    n_members: int
    n_non_members: int
    n_guesses: int
    n_right: int
    means: str = (
        "A promise of differential privacy with a smaller ε than this would be broken: the synthetic rows tell more "
        "about who was in the training data than it allows."
    )
    does_not_mean: str = (
        "That ε is this small: it is what these attacks could show with these rows, and the truth is often far above. "
        "Sure only if it was chance alone which rows were held out."
    )


@dataclass(frozen=True)
class _Event:
    """A decision: whose score is high enough was a member, or whose is low enough was none."""

    attack: str
    threshold: float
    is_for_members: bool

    def counts(self, pair: tuple[Scores, Scores]) -> tuple[int, int]:
        """Right guesses, and wrong ones."""
        members, others = (
            int((scores >= self.threshold).sum() if self.is_for_members else (scores <= self.threshold).sum())
            for scores in pair
        )
        return (members, others) if self.is_for_members else (others, members)


def least_epsilon(
    audit: Audit, scores: dict[str, Scores], *, delta: float = 0.0, error: float = ERROR, seed: int = 0
) -> LeastEpsilon | NotMeasured:
    """Bound ε from below by one output.

    Source: Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run", NeurIPS 2023.

    If it was chance whether a unit was a member, then of r guesses by an attacker who may abstain, the number of right
    ones is at most that of r throws of a coin which shows heads with probability ``e^ε / (1 + e^ε)``, but for δ.
    Attack, threshold and direction are chosen on one half of the units, and counted on the other.

    Args:
        audit: Who was asked.
        scores: Of `membership.all_scores`.
        delta: The δ that is claimed.
        error: Probability with which the bound may be too high by chance.
        seed: Of the halves.
    """
    n_asked = min(len(audit.members), len(audit.non_members))
    if n_asked < _LEAST:
        return NotMeasured(not_measured=f"needs at least {_LEAST} members and as many others, found {n_asked}")
    rng = generator(seed, "privacy", "least epsilon")
    places = [rng.permutation(n_asked) for _ in range(2)]
    half = n_asked // 2
    chosen_on, counted_on = {}, {}
    for name, values in scores.items():
        pair = audit.split(values)
        chosen_on[name] = pair[0][places[0][:half]], pair[1][places[1][:half]]
        counted_on[name] = pair[0][places[0][half:]], pair[1][places[1][half:]]

    def promise(event: _Event) -> float:
        right, wrong = event.counts(chosen_on[event.attack])
        return _by_guesses(right, wrong, 0.0, half, error)

    event = max(_events(chosen_on), key=promise)
    right, wrong = event.counts(counted_on[event.attack])
    n_counted = n_asked - half
    return LeastEpsilon(
        at_least=_by_guesses(right, wrong, delta, 2 * n_counted, error),
        at_least_by_rates=_by_rates(right, wrong, n_counted, delta, error),
        delta=delta,
        error=error,
        attack=event.attack,
        n_members=n_counted,
        n_non_members=n_counted,
        n_guesses=right + wrong,
        n_right=right,
    )


def least_epsilon_of_guesses(right: int, guesses: int, *, n_asked: int, delta: float, error: float) -> float:
    """The bound by guesses alone, see `least_epsilon`: a smaller ε is refuted but for this error.

    Args:
        right: Right guesses.
        guesses: All guesses.
        n_asked: How many were in or out by a fair coin.
        delta: The δ that is claimed.
        error: Probability with which the bound may be too high by chance.
    """
    return _by_guesses(right, guesses - right, delta, n_asked, error)


def _events(scores: dict[str, tuple[Scores, Scores]]) -> Iterator[_Event]:
    for name, pair in scores.items():
        both = np.sort(np.concatenate(pair))
        # thresholds get denser towards the ends, where few are accused and most are so rightly
        counts = np.unique(np.geomspace(_FEWEST_GUESSES, len(both), 60).astype(int).clip(1, len(both)))
        for count in counts:
            yield _Event(name, float(both[-count]), True)
            yield _Event(name, float(both[count - 1]), False)


def _by_guesses(right: int, wrong: int, delta: float, n_asked: int, error: float) -> float:
    """The smallest ε under which so many right guesses of so many are not less likely than `error`."""
    guesses = right + wrong
    if guesses == 0:
        return 0.0
    lower = share(right, guesses, 1 - 2 * error).lower
    if delta == 0:
        return min(math.log(lower / (1 - lower)), _LARGEST) if lower > 0.5 else 0.0
    return _bisected(lambda epsilon: _likelihood(epsilon, delta, n_asked, right, guesses) <= error)


def _likelihood(epsilon: float, delta: float, n_asked: int, right: int, guesses: int) -> float:
    """At most the probability of so many right guesses, under (ε, δ) (theorem 5.2 there)."""
    from scipy.stats import binom

    heads = 1 / (1 + math.exp(-epsilon))
    at_least: npt.NDArray[np.float64] = binom.sf(right - 1 - np.arange(right + 1), guesses, heads)
    slack = float(((at_least[1:] - at_least[0]) / np.arange(1, right + 1)).max(initial=0.0))
    return float(at_least[0]) + 2 * n_asked * delta * slack


def _bisected(is_refuted: Callable[[float], bool]) -> float:
    if not is_refuted(0.0):
        return 0.0
    low, high = 0.0, _LARGEST
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if is_refuted(middle) else (low, middle)
    return low


def _by_rates(right: int, wrong: int, n_each: int, delta: float, error: float) -> float:
    """Each bound at half the error (Jagielski, Ullman and Oprea, "Auditing differentially private ML", 2020)."""
    rate, other = share(right, n_each, 1 - error).lower, share(wrong, n_each, 1 - error).upper
    return max(math.log((rate - delta) / other), 0.0) if rate > delta else 0.0
