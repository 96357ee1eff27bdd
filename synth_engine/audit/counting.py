"""What an audit comes to: how well coins could be guessed, with intervals.

Belongs here: from the answers of shadows to figures. Does not belong here: training (`shadow`).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from synth_engine.audit.plan import AuditPlan
from synth_engine.audit.shadow import Shadow
from synth_engine.domain import InputError
from synth_engine.domain.randomness import generator
from synth_engine.evaluation.privacy import LEVEL, Estimate, Result, least_epsilon_of_guesses

_RATES = {"at_1_percent": 0.01, "at_01_percent": 0.001}
_RESAMPLES = 1_000
_GUESSED = 0.1  # of all targets so many are guessed to be in, and as many to be out; the others are passed over
_ERROR = 0.025  # of each of two kinds of knowledge
Scores = npt.NDArray[np.float64]


class GuessesBy(Result):
    """Guesses from one kind of knowledge.

    Attributes:
        auc: Probability that a target's score is higher where it was in; 0.5 is chance.
        at_1_percent: Share found where at most 1 % of those who were out are accused.
        at_01_percent: The same with 0.1 %.
        most_exposed_auc: The same area, of the tenth of the targets that it is highest for, whose choice is allowed
            for by choosing on the even shadows and counting on the odd ones; None with fewer than 8 shadows.
        least_epsilon: No smaller ε can be promised of these settings; an error of 2.5 %.
    """

    auc: Estimate
    at_1_percent: Estimate
    at_01_percent: Estimate
    most_exposed_auc: Estimate | None
    least_epsilon: float


class ShadowAudit(Result):
    """The result.

    Attributes:
        n_shadows: Models.
        n_targets: People asked about.
        n_rows: Rows of each training, at most.
        by_likelihood: By whoever has the model.
        by_nearness: By whoever has synthetic rows.
        epsilon: What the settings guarantee, the most of all shadows; None where they guarantee nothing.
        is_disproved: Whether more was shown than is guaranteed.
    """

    n_shadows: int
    n_targets: int
    n_rows: int
    by_likelihood: GuessesBy
    by_nearness: GuessesBy
    epsilon: float | None
    is_disproved: bool
    means: str = (
        "How well an attacker who knows the settings and everybody else's rows can tell whether somebody who stands "
        "out was in the training data. 0.5 of the area under the curve is guessing."
    )
    does_not_mean: str = (
        "What the workspace's own model has leaked: these are smaller models of fewer rows, of which each learns more. "
        "Nor that people who do not stand out are as exposed."
    )


def finish_audit(plan: AuditPlan, shadows: Sequence[Shadow]) -> ShadowAudit:
    """Count. Needs every shadow of the plan; their order does not matter.

    Each target is compared with itself: its score in one shadow with its mean scores, in and out, in all others, as
    Carlini et al. (2022) do with Gaussians of one spread for all. Intervals are by the bootstrap over targets.

    Raises:
        InputError: shadows are missing, or of another plan.
    """
    ordered = sorted(shadows, key=lambda shadow: shadow.number)
    if [shadow.number for shadow in ordered] != list(range(plan.n_shadows)):
        found = [shadow.number for shadow in ordered]
        raise InputError(f"audit: expected shadows 0 to {plan.n_shadows - 1}, each once, found {found}")
    is_in = np.array([shadow.is_in for shadow in ordered])
    if is_in.shape[1] != len(plan.targets) or any((plan.coins(n) != is_in[n]).any() for n in range(plan.n_shadows)):
        raise InputError("audit: expected shadows of this plan, found others; train them anew")
    known = [(shadow.epsilon, shadow.delta) for shadow in ordered]
    epsilon = None if any(each is None for each, _ in known) else max(each or 0.0 for each, _ in known)
    delta = max(each or 0.0 for _, each in known)
    by = {
        name: _guesses(is_in, np.array([getattr(shadow, name) for shadow in ordered]), delta, plan.seed)
        for name in ("likelihood", "nearness")
    }
    shown = max(found.least_epsilon for found in by.values())
    return ShadowAudit(
        n_shadows=plan.n_shadows,
        n_targets=len(plan.targets),
        n_rows=plan.n_rows,
        by_likelihood=by["likelihood"],
        by_nearness=by["nearness"],
        epsilon=epsilon,
        is_disproved=epsilon is not None and shown > epsilon,
    )


def _guesses(is_in_ST: npt.NDArray[np.bool_], scores_ST: Scores, delta: float, seed: int) -> GuessesBy:
    ratios_ST = _likelihood_ratios(is_in_ST, scores_ST)
    rng = generator(seed, "audit", "bootstrap")
    n_targets = ratios_ST.shape[1]
    everybody = np.arange(n_targets)[None]
    draws: list[npt.NDArray[np.intp]] = [*everybody, *rng.integers(n_targets, size=(_RESAMPLES, n_targets))]
    figures = np.array([_figures(is_in_ST[:, draw], ratios_ST[:, draw]) for draw in draws])
    auc, *found = (_estimate(column) for column in figures.T)
    right, guesses = _decided(is_in_ST, ratios_ST)
    return GuessesBy(
        auc=auc,
        **dict(zip(_RATES, found, strict=True)),
        most_exposed_auc=_most_exposed(is_in_ST, ratios_ST, draws),
        least_epsilon=least_epsilon_of_guesses(right, guesses, n_asked=is_in_ST.size, delta=delta, error=_ERROR),
    )


def _likelihood_ratios(is_in_ST: npt.NDArray[np.bool_], scores_ST: Scores) -> Scores:
    """Of each score, how much likelier it is if the target was in, by the other shadows.

    Means of few shadows are uncertain, so they are drawn towards the means of all targets.
    """
    shifted = scores_ST - np.median(scores_ST, axis=0)
    gap_of_all = (
        float(shifted[is_in_ST].mean() - shifted[~is_in_ST].mean()) if is_in_ST.any() and not is_in_ST.all() else 0
    )
    ratios = np.empty_like(shifted)
    for place in range(len(shifted)):
        others = np.arange(len(shifted)) != place
        inside, outside = is_in_ST[others], ~is_in_ST[others]
        middle = shifted[others].mean(axis=0)
        high = _drawn_mean(shifted[others], inside, middle + gap_of_all / 2)
        low = _drawn_mean(shifted[others], outside, middle - gap_of_all / 2)
        spread = float(np.mean((shifted[others] - np.where(inside, high, low)) ** 2)) or 1.0
        ratios[place] = ((shifted[place] - low) ** 2 - (shifted[place] - high) ** 2) / (2 * spread)
    return ratios


def _drawn_mean(values_ST: Scores, chosen_ST: npt.NDArray[np.bool_], towards_T: Scores) -> Scores:
    """Mean over the chosen shadows and, as one more of them, of what it is drawn towards."""
    total: Scores = (values_ST * chosen_ST).sum(axis=0) + towards_T
    return np.asarray(total / (chosen_ST.sum(axis=0) + 1), np.float64)


def _figures(is_in: npt.NDArray[np.bool_], ratios: Scores) -> list[float]:
    members, others = ratios[is_in], ratios[~is_in]
    if not len(members) or not len(others):
        return [0.5, *(rate for rate in _RATES.values())]
    return [_area(members, others), *(_found(members, others, rate) for rate in _RATES.values())]


def _area(members: Scores, others: Scores) -> float:
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([members, others]))[: len(members)]
    return float((ranks.sum() - len(members) * (len(members) + 1) / 2) / (len(members) * len(others)))


def _found(members: Scores, others: Scores, rate: float) -> float:
    allowed = int(rate * len(others))
    threshold = np.sort(others)[::-1][allowed]
    return float((members > threshold).mean())


def _decided(is_in_ST: npt.NDArray[np.bool_], ratios_ST: Scores) -> tuple[int, int]:
    """Right guesses, and all: in each shadow the surest are decided, by a rule that was fixed beforehand.

    Shadows are independent, and within each so are the coins; so right guesses of all together are bounded as those of
    one.
    """
    count = max(int(_GUESSED * ratios_ST.shape[1]), 1)
    order = np.argsort(ratios_ST, axis=1, kind="stable")
    members = np.take_along_axis(is_in_ST, order[:, -count:], axis=1).sum()
    others = (~np.take_along_axis(is_in_ST, order[:, :count], axis=1)).sum()
    return int(members + others), 2 * count * len(ratios_ST)


def _most_exposed(
    is_in_ST: npt.NDArray[np.bool_], ratios_ST: Scores, draws: Sequence[npt.NDArray[np.intp]]
) -> Estimate | None:
    if len(ratios_ST) < 8:
        return None
    gaps = [
        ratios_ST[::2, target][is_in_ST[::2, target]].mean() - ratios_ST[::2, target][~is_in_ST[::2, target]].mean()
        if 0 < is_in_ST[::2, target].sum() < len(is_in_ST[::2])
        else -np.inf
        for target in range(ratios_ST.shape[1])
    ]
    chosen = np.argsort(gaps)[-max(ratios_ST.shape[1] // 10, 1) :]
    is_in, ratios = is_in_ST[1::2][:, chosen], ratios_ST[1::2][:, chosen]
    figures = [_figures(is_in[:, draw], ratios[:, draw])[0] for draw in (each % len(chosen) for each in draws)]
    return _estimate(np.array([_figures(is_in, ratios)[0], *figures[1:]]))


def _estimate(values: Scores) -> Estimate:
    value, resampled = float(values[0]), values[1:]
    outside = (1 - LEVEL) / 2
    lower, upper = (float(np.quantile(resampled, share)) for share in (outside, 1 - outside))
    return Estimate(value=value, lower=min(lower, value), upper=max(upper, value))
