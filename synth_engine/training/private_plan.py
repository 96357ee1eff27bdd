"""What a private training may do: how much noise, how many steps. Decided before anything is spent.

Belongs here: from settings to noise and steps. Does not belong here: mechanisms, the ledger's file.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from synth_engine.domain import DifferentialPrivacyConfig, InputError
from synth_engine.privacy.accounting import Accountant, GaussianEvent

# Epsilon that the marginals would cost alone, as a part of the whole. Losses add up in squares, about, which leaves the
# steps seven eighths. Census at an epsilon of 1: univariate 0.990, with 0.3 0.986; bivariate 0.965, with 0.3 0.961.
_MARGINALS_SHARE = 0.5
# More noise than this in the marginals, and there is next to no budget: then the data is not looked at at all.
_MOST_NOISE_IN_MARGINALS = 1000.0


@dataclass(frozen=True)
class PrivatePlan:
    """A private training, as it was planned.

    Guarantees: `epsilon` of `steps` steps is at most ``max_epsilon`` and ``target_epsilon``, with all that came before;
    none of it depends on the records.

    Args:
        accountant: Of the steps, after the marginals and what was spent before.
        steps: Steps that are planned and allowed for.
        marginals: The release of the marginals; None where the budget is too small even for that.
        max_grad_norm: Length that gradients are clipped to.
    """

    MECHANISM: ClassVar[str] = "sampled Gaussian on clipped gradients, Gaussian on marginals"
    # Delta is for analysis and training together, in equal parts.
    SHARE_OF_DELTA: ClassVar[float] = 0.5

    accountant: Accountant
    steps: int
    marginals: GaussianEvent | None
    max_grad_norm: float

    @property
    def delta(self) -> float:
        """Probability that the loss is larger."""
        return self.accountant.delta

    @property
    def noise_multiplier(self) -> float:
        """Of every step."""
        return self.accountant.step.noise_multiplier

    @property
    def sample_rate(self) -> float:
        """Probability with which a record is in a step."""
        return self.accountant.step.sample_rate

    def epsilon(self, step: int) -> float:
        """Privacy loss of so many steps, of the marginals and of what was spent before."""
        return self.accountant.epsilon(step)

    @property
    def parameters(self) -> dict[str, Any]:
        """Settings of the mechanism, for the ledger. How many steps there were shows when they are paid for."""
        return {
            "accountant": self.accountant.kind,
            "noise_multiplier": self.noise_multiplier,
            "sample_rate": self.sample_rate,
            "max_grad_norm": self.max_grad_norm,
            "noise_multiplier_of_marginals": None if self.marginals is None else self.marginals.noise_multiplier,
        }


def plan_training(
    config: DifferentialPrivacyConfig,
    n_records: int,
    records_per_step: int,
    steps: int,
    before: tuple[GaussianEvent, ...] = (),
    *,
    counts: bool = True,
) -> PrivatePlan:
    """Choose the noise and the number of steps.

    With ``target_epsilon`` the noise is what `steps` steps need; otherwise there are as many steps, up to `steps`, as
    ``max_epsilon`` allows for.

    Args:
        config: Settings; half of ``delta`` is for training.
        n_records: Number of training records that was published.
        records_per_step: How many of them are expected in a step.
        steps: Steps that are wanted.
        before: What the weights to start from have cost.
        counts: Whether there are marginals to release.

    Raises:
        InputError: a budget that no noise can keep, or no noise at all together with a budget.
    """
    delta = PrivatePlan.SHARE_OF_DELTA * config.delta
    rate = min(1.0, records_per_step / max(n_records, 1))
    accountant = Accountant(delta, GaussianEvent(config.noise_multiplier, rate), before, config.accountant)
    limit = config.max_epsilon if config.target_epsilon is None else config.target_epsilon
    if limit is not None and config.noise_multiplier == 0:
        raise InputError("noise_multiplier: without noise epsilon is infinite; raise it, or leave out max_epsilon")
    marginals = _marginals(accountant, _budget(config, accountant, steps)) if steps and counts else None
    after = replace(accountant, before=(*before, *([] if marginals is None else [marginals])))
    if limit is not None and after.epsilon(0) > limit:
        marginals, after = None, accountant
    if config.target_epsilon is not None and steps:
        after = after.with_noise(_noise_for(after, config.target_epsilon, steps))
    allowed = steps if limit is None else after.max_steps(limit, steps)
    return PrivatePlan(after, allowed, marginals, config.max_grad_norm)


def _budget(config: DifferentialPrivacyConfig, accountant: Accountant, steps: int) -> float:
    """What training will come to, about."""
    if config.target_epsilon is not None:
        return config.target_epsilon
    cost = accountant.epsilon(steps)
    return cost if config.max_epsilon is None else min(config.max_epsilon, cost)


def _marginals(accountant: Accountant, budget: float) -> GaussianEvent | None:
    """The release of the marginals, for a part of this epsilon; None where that would tell nothing."""
    if accountant.step.noise_multiplier == 0:
        return GaussianEvent(0.0)
    if budget == 0:
        return None
    alone = Accountant(accountant.delta, GaussianEvent(1.0), kind=accountant.kind)
    try:
        noise = alone.noise_for(_MARGINALS_SHARE * budget, 1)
    except ValueError:
        return None
    return GaussianEvent(noise) if noise <= _MOST_NOISE_IN_MARGINALS else None


def _noise_for(accountant: Accountant, target: float, steps: int) -> float:
    try:
        return accountant.noise_for(target, steps)
    except ValueError as error:
        raise InputError(f"target_epsilon: {error}; raise it, or give a smaller max_epochs") from None
