"""A task whose losses are scripted, a stepper that only takes notes, and a clock that the test moves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synth_engine.domain.progress import Progress
from synth_engine.training import Learner, Limits, Loop, Outcome, Randomness, Schedule, ShuffledRows, WeightAverage


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class ScriptedTask:
    """A network of one weight; validation losses from a list, whose last one is repeated."""

    def __init__(self, n_training: int, validation_losses: Sequence[float] = (1.0,), n_validation: int = 5) -> None:
        self.network = nn.Linear(1, 1)
        self.n_training, self.n_validation = n_training, n_validation
        self._script = list(validation_losses)
        self.validations = 0

    def validation_loss(self, network: nn.Module) -> float | None:
        if not self.n_validation:
            return None
        self.validations += 1
        return self._script[min(self.validations, len(self._script)) - 1]


class NotingStepper:
    """Sets the network's weight to the number of steps so far, and notes how it was called."""

    def __init__(self, network: nn.Linear, losses: Callable[[int], float], on_step: Callable[[], None]) -> None:
        self._network, self._losses, self._on_step = network, losses, on_step
        self.rows: list[list[Tensor]] = []
        self.rates: list[float] = []
        self.decays: list[float] = []

    def step(self, step: int, micro_batches: Sequence[Tensor], rate: float, weight_decay: float) -> Tensor:
        assert step == len(self.rows)
        self.rows.append(list(micro_batches))
        self.rates.append(rate)
        self.decays.append(weight_decay)
        self._network.weight.data.fill_(len(self.rows))
        self._on_step()
        return torch.tensor(self._losses(len(self.rows)))

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        raise AssertionError("nothing is resumed in these tests")


class Run:
    """One training of a scripted task, and all that can be known of it afterwards."""

    def __init__(
        self,
        task: ScriptedTask,
        limits: Limits,
        *,
        batch_size: int = 10,
        accumulation: int = 1,
        schedule: Schedule | None = None,
        losses: Callable[[int], float] = lambda step: 1.0,
        on_step: Callable[[], None] = lambda: None,
        callback: Callable[..., Any] | None = None,
        average_decay: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.task = task
        self.schedule = schedule or Schedule(peak=1.0, warmup_steps=1, patience=10**9)
        self.stepper = NotingStepper(task.network, losses, on_step)
        self.learner = Learner(task.network, self.stepper, self.schedule, WeightAverage(task.network, average_decay))
        self.loop = Loop(
            self.learner,
            ShuffledRows(task.n_training, batch_size, accumulation, Randomness.of_seed(seed), torch.device("cpu")),
            limits,
            referee=task,
            progress=Progress(callback, "train", total=limits.epochs, unit="epochs"),
        )
        self.outcome: Outcome = self.loop.run()
        self.history, self.best = self.learner.history, self.learner.best

    @property
    def rates(self) -> list[float]:
        return self.stepper.rates
