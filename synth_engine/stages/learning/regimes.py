"""How a training treats its records: it looks at them as it likes, or with differential privacy.

Belongs here: which parts a training is put together from. Does not belong here: the parts (`training`, `tabular`), what
the ledger is told (`spending`), files.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from synth_engine.domain import TrainConfig
from synth_engine.stages.learning.kinds import Counts, Kind
from synth_engine.stages.learning.spending import Account
from synth_engine.stages.model_files import Network
from synth_engine.training import PlainStepper, Randomness, Schedule, ShuffledRows
from synth_engine.training.loop import Referee, Spending
from synth_engine.training.sampling import Sampler
from synth_engine.training.steppers import Stepper
from synth_engine.training.team import Team

DEFAULT_EPOCHS = 100.0
DEFAULT_MINUTES = 10 * 24 * 60.0


@dataclass(frozen=True)
class Parts:
    """What a loop is made from, beside the network.

    Args:
        stepper: Takes the steps.
        sampler: Chooses the records of each.
        schedule: Learning rates.
        referee: Judges epochs; None: nobody may look at the records for that.
        average_decay: Of the average of weights.
    """

    stepper: Stepper
    sampler: Sampler
    schedule: Schedule
    referee: Referee | None
    average_decay: float


class Regime(Protocol):
    """A way to treat records."""

    @property
    def settings(self) -> dict[str, Any]:
        """What a run that is resumed must share."""
        ...

    @property
    def limits(self) -> dict[str, float]:
        """Limits that a run that is resumed may change, in epochs and seconds."""
        ...

    @property
    def plan(self) -> dict[str, Any]:
        """What it takes over from the run that it goes on with."""
        ...

    @property
    def max_steps(self) -> int | None:
        """Steps that it allows for; None: as many as are wanted."""
        ...

    @property
    def spending(self) -> Spending | None:
        """Tells what steps cost; None where nothing is promised."""
        ...

    @property
    def account(self) -> Account:
        """Is told of every model before it is written."""
        ...

    def guarantee(self, steps: int) -> dict[str, Any] | None:
        """What may be said of the privacy of a model after so many steps; None where nothing can be."""
        ...

    def counts(self, kind: Kind) -> Counts | None:
        """How often each code of each sub-column occurs, as far as it may be known; None where nothing may be."""
        ...

    def parts(self, network: Network, kind: Kind, team: Team) -> Parts:
        """What to train the network with."""
        ...


@dataclass(frozen=True)
class PlainRegime:
    """Exact gradients, shuffled epochs, and a validation that says when to stop."""

    config: TrainConfig
    randomness: Randomness
    settings: dict[str, Any]
    account: Account
    plan: dict[str, Any]
    max_steps: int | None = None
    spending: Spending | None = None

    @property
    def limits(self) -> dict[str, float]:
        """Those that the user sets."""
        return limits_of(self.config)

    def guarantee(self, steps: int) -> dict[str, Any] | None:
        """There is none."""
        return None

    def counts(self, kind: Kind) -> Counts:
        """As they are."""
        return kind.counts()

    def parts(self, network: Network, kind: Kind, team: Team) -> Parts:
        """Steps on the mean loss."""
        task = kind.task(network, flexible=self.config.enable_flexible_generation)
        batch_size, micro_batches = self.settings["batch_size"], self.settings["micro_batches"]
        return Parts(
            PlainStepper(network, task, self.randomness, team, gradients=kind.gradients(network, task)),
            ShuffledRows(kind.n_parts, batch_size, micro_batches, self.randomness, kind.device),
            kind.schedule(batch_size * micro_batches),
            task,
            kind.average_decay,
        )


def common_settings(config: TrainConfig, team: Team, kind: Kind, batch_size: int) -> dict[str, Any]:
    """Settings that change what a step does."""
    return ({"four_bit": True} if config.four_bit else {}) | {
        "model": config.model or kind.default_model,
        "enable_flexible_generation": config.enable_flexible_generation,
        "max_sequence_window": config.max_sequence_window,
        "batch_size": config.batch_size or batch_size,
        "micro_batches": (config.gradient_accumulation_steps or 1) * team.size,
    }


def plain_settings(config: TrainConfig, team: Team, kind: Kind) -> dict[str, Any]:
    """Of training without differential privacy."""
    return common_settings(config, team, kind, kind.batch_size()) | {"differential_privacy": None}


def limits_of(config: TrainConfig) -> dict[str, float]:
    """The limits that the user sets, in epochs and seconds."""
    minutes = DEFAULT_MINUTES if config.max_training_time is None else config.max_training_time
    return {"epochs": epochs_of(config), "seconds": 60 * minutes}


def epochs_of(config: TrainConfig) -> float:
    """The most passes over the data."""
    return DEFAULT_EPOCHS if config.max_epochs is None else config.max_epochs
