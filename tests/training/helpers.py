"""A task whose losses are scripted, a stepper that only takes notes, and a clock that the test moves."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synth_engine.domain.progress import Progress
from synth_engine.training import History, Limits, Outcome, Schedule, fit


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

    def batch_loss(self, network: nn.Module, rows: Tensor) -> Tensor:
        raise AssertionError("the stepper of these tests asks for no loss")

    def validation_loss(self, network: nn.Module) -> float:
        assert self.n_validation > 0
        self.validations += 1
        return self._script[min(self.validations, len(self._script)) - 1]


class NotingStepper:
    """Sets the network's weight to the number of steps so far, and notes how it was called."""

    def __init__(self, network: nn.Linear, losses: Callable[[int], float], on_step: Callable[[], None]) -> None:
        self._network, self._losses, self._on_step = network, losses, on_step
        self.rows: list[list[Tensor]] = []
        self.rates: list[float] = []
        self.decays: list[float] = []

    def step(self, micro_batches: Sequence[Tensor], rate: float, weight_decay: float) -> Tensor:
        self.rows.append(list(micro_batches))
        self.rates.append(rate)
        self.decays.append(weight_decay)
        self._network.weight.data.fill_(len(self.rows))
        self._on_step()
        return torch.tensor(self._losses(len(self.rows)))


class Run:
    """One training of a scripted task, and all that can be known of it afterwards."""

    def __init__(
        self,
        task: ScriptedTask,
        limits: Limits,
        *,
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
        self.saved: list[tuple[float, int]] = []
        self.outcome: Outcome
        self.history: History
        self.outcome, self.history, self.best = fit(
            task,
            self.stepper,
            self.schedule,
            limits,
            generator=seeded(seed),
            progress=Progress(callback, "train", total=limits.epochs, unit="epochs"),
            on_best=lambda network, history: self.saved.append((network.weight.item(), len(history.records))),
            average_decay=average_decay,
        )

    @property
    def rates(self) -> list[float]:
        return self.stepper.rates
