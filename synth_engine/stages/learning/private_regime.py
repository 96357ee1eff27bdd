"""Training with differential privacy: from settings, and what is known already, to a plan and its parts.

Belongs here: what is decided before the first step. Does not belong here: mechanisms (`training`), what they cost
(`privacy`).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from synth_engine.domain import DifferentialPrivacyConfig, InputError, TrainConfig
from synth_engine.privacy.accounting import Accountant, GaussianEvent
from synth_engine.stages.learning.kinds import Counts, Kind, Reusable
from synth_engine.stages.learning.regimes import DEFAULT_EPOCHS, Parts, common_settings, limits_of
from synth_engine.stages.learning.spending import Bounded, RunLedger, allowance_of
from synth_engine.stages.model_files import Network
from synth_engine.tabular.marginals import release_counts
from synth_engine.tabular.recipe import (
    PRIVATE_AVERAGE_DECAY,
    PRIVATE_EPOCHS,
    private_batch_size_for,
)
from synth_engine.training import Randomness
from synth_engine.training.loop import Spending, steps_of
from synth_engine.training.poisson import PoissonRows
from synth_engine.training.private_plan import PrivatePlan, plan_training
from synth_engine.training.private_stepper import PrivateStepper
from synth_engine.training.secrets import secret_generator
from synth_engine.training.team import Team

# Rows that are looked at at once: a step's records come in parts, which bounds the memory.
MAX_ROWS = 1024
# Settings that the noise follows from; a run that is resumed must share them.
_OF_THE_MECHANISM = {"delta", "noise_multiplier", "max_grad_norm", "target_epsilon"}


def private_settings(config: TrainConfig, team: Team, kind: Kind, n_records: int) -> dict[str, Any]:
    """Settings that a run that is resumed must share. Steps are as large as suits private training, unless told.

    Args:
        config: Settings of the training.
        team: Processes that share out the steps.
        kind: What is learned from.
        n_records: Number of training records, as it was published.
    """
    records, at_once = private_batch_size_for(n_records), kind.records_with(MAX_ROWS)
    per_process = config.gradient_accumulation_steps or math.ceil(
        records / (team.size * (config.batch_size or at_once))
    )
    chosen = config.model_copy(update={"gradient_accumulation_steps": per_process})
    privacy = _privacy_of(config).model_dump(include=_OF_THE_MECHANISM)
    settings = common_settings(chosen, team, kind, math.ceil(records / (per_process * team.size)))
    return settings | {"differential_privacy": privacy}


def private_limits(config: TrainConfig) -> dict[str, float]:
    """The limits that the user sets. With a target for epsilon and no wish for epochs, as many as suit it."""
    limits = limits_of(config)
    is_free = _privacy_of(config).target_epsilon is not None and limits["epochs"] == DEFAULT_EPOCHS
    return limits | ({"epochs": PRIVATE_EPOCHS} if is_free else {})


@dataclass(frozen=True)
class PrivateRegime:
    """Clipped gradients of records drawn at random, with noise; and no look at anything else.

    Args:
        config: Settings of the training.
        randomness: Of the run, from a key that nobody knows.
        settings: See `private_settings`.
        private_plan: Noise and number of steps.
        n_records: Number of training records, as it was published.
        account: Of the run.
    """

    config: TrainConfig
    randomness: Randomness
    settings: dict[str, Any]
    private_plan: PrivatePlan
    n_records: int
    account: Bounded

    @property
    def max_steps(self) -> int | None:
        """Steps that the budget allows for."""
        return self.private_plan.steps

    @property
    def spending(self) -> Spending | None:
        """What the steps cost."""
        return self.private_plan

    @property
    def limits(self) -> dict[str, float]:
        """In epochs, seconds and steps."""
        return private_limits(self.config) | {"steps": self.private_plan.steps}

    @property
    def plan(self) -> dict[str, Any]:
        """Decided once for a run: marginals released with one noise and then with another would be two releases."""
        plan = self.private_plan
        events = {"step": plan.accountant.step, "marginals": plan.marginals}
        return {
            **{name: None if event is None else asdict(event) for name, event in events.items()},
            "before": [asdict(event) for event in plan.accountant.before if event is not plan.marginals],
            "n_records": self.n_records,
        }

    def guarantee(self, steps: int) -> dict[str, Any] | None:
        """Epsilon and delta of the model, and all events that it comes from; None where there was no noise."""
        plan = self.private_plan
        epsilon = plan.epsilon(steps)
        if epsilon == float("inf"):
            return None
        events = (*plan.accountant.before, replace(plan.accountant.step, steps=steps))
        return {
            "epsilon": epsilon,
            "delta": plan.delta,
            "accountant": plan.accountant.kind,
            "events": [asdict(event) for event in events if not event.is_free],
        }

    def counts(self, kind: Kind) -> Counts | None:
        """With noise; the same each time it is asked. None where the budget is too small even for that."""
        event = self.private_plan.marginals
        if event is None:
            return None
        exact = kind.bounded_counts()
        rng, n_all = secret_generator(self.randomness, "marginals"), sum(map(len, exact))
        # A record adds one at most to every sub-column of all tables together, so it moves all counts by the root of
        # their number; each table by itself reckons with that of its own.
        return [
            release_counts(each, event.noise_multiplier * math.sqrt(n_all / len(each)), rng) if each else []
            for each in exact
        ]

    def parts(self, network: Network, kind: Kind, team: Team) -> Parts:
        """Steps on noisy sums of clipped gradients. Nobody judges the epochs: that would look at records for free."""
        plan = self.private_plan
        micro_batches = self.settings["micro_batches"]
        records_per_step = min(self.settings["batch_size"] * micro_batches, self.n_records)
        stepper = PrivateStepper(
            network,
            kind.private_losses(flexible=self.config.enable_flexible_generation),
            self.randomness,
            team,
            max_grad_norm=plan.max_grad_norm,
            noise_multiplier=plan.noise_multiplier,
            records_per_step=max(records_per_step, 1),
        )
        sampler = PoissonRows(
            kind.n_records, plan.sample_rate, records_per_step, micro_batches, self.randomness, kind.device
        )
        schedule = kind.private_schedule(plan.steps, records_per_step)
        return Parts(stepper, sampler, schedule, None, PRIVATE_AVERAGE_DECAY)

    @classmethod
    def planned(
        cls,
        config: TrainConfig,
        randomness: Randomness,
        settings: dict[str, Any],
        kind: Kind,
        n_records: int,
        ledger: RunLedger,
        *,
        resumed: Mapping[str, Any] | None,
        reused: Reusable | None,
    ) -> Self:
        """Decide on noise and steps, and refuse what the workspace has no budget left for.

        Args:
            config: Settings of the training.
            randomness: Of the run.
            settings: See `private_settings`.
            kind: What is learned from.
            n_records: Number of training records, as it was published.
            ledger: Of the run.
            resumed: The plan of the run that is gone on with, and the ``steps_taken`` in it.
            reused: The model that it starts from.

        Raises:
            InputError: the budget cannot be kept, or the model to start from has no bound.
        """
        privacy = _privacy_of(config)
        if resumed is not None:
            n_records = resumed["n_records"]
        records_per_step = min(settings["batch_size"] * settings["micro_batches"], n_records)
        rate = min(1.0, max(records_per_step, 1) / max(n_records, 1))
        wanted = steps_of(private_limits(config)["epochs"], max(1, round(1 / rate))) if n_records else 0
        if resumed is None:
            before = _events_of(reused)
            plan = plan_training(
                privacy, n_records, max(records_per_step, 1), wanted, before, counts=kind.releases_counts
            )
            _check_cost(privacy, replace(plan.accountant, before=before).epsilon(0))
        else:
            plan = _taken_up(privacy, resumed, wanted)
        own = replace(plan.accountant, before=() if plan.marginals is None else (plan.marginals,))
        account = Bounded(ledger, plan.MECHANISM, own.epsilon, plan.delta, allowance_of(privacy), plan.parameters)
        account.check(plan.steps)
        return cls(config, randomness, settings, plan, n_records, account)


def _events_of(reused: Reusable | None) -> tuple[GaussianEvent, ...]:
    """What the weights to start from have cost."""
    if reused is None:
        return ()
    if reused.events is None:
        raise InputError(
            "model_state_strategy: 'REUSE' with differential_privacy needs a model that was trained with it, and the "
            "one that is there was not, so whatever is made from it has no bound; use 'RESET'"
        )
    return tuple(GaussianEvent(**event) for event in reused.events)


def _taken_up(privacy: DifferentialPrivacyConfig, resumed: Mapping[str, Any], wanted: int) -> PrivatePlan:
    """The plan of a run that is resumed, with the number of steps that the present limits allow for."""
    marginals = None if resumed["marginals"] is None else GaussianEvent(**resumed["marginals"])
    before = tuple(GaussianEvent(**event) for event in resumed["before"])
    accountant = Accountant(
        privacy.delta * PrivatePlan.SHARE_OF_DELTA,
        GaussianEvent(**resumed["step"]),
        before if marginals is None else (*before, marginals),
        privacy.accountant,
    )
    limits = _limits_of_epsilon(privacy)
    steps = accountant.max_steps(min(limits), wanted) if limits else wanted
    _check_cost(privacy, accountant.epsilon(resumed["steps_taken"]))
    return PrivatePlan(accountant, steps, marginals, privacy.max_grad_norm)


def _limits_of_epsilon(privacy: DifferentialPrivacyConfig) -> list[float]:
    return [limit for limit in (privacy.max_epsilon, privacy.target_epsilon) if limit is not None]


def _check_cost(privacy: DifferentialPrivacyConfig, cost: float) -> None:
    """Raise `InputError` where what is taken up has cost more than is allowed for."""
    limits = _limits_of_epsilon(privacy)
    if limits and cost > min(limits):
        raise InputError(
            f"max_epsilon: what is taken up of the former training cost {cost:.3g} already, more than "
            f"{min(limits):.3g}; allow for more, or start again with model_state_strategy='RESET'"
        )


def _privacy_of(config: TrainConfig) -> DifferentialPrivacyConfig:
    assert config.differential_privacy is not None
    return config.differential_privacy
