"""The training loop: epochs of steps, a validation after each, the best weights kept."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from synth_engine.domain import TrainingStoppedError
from synth_engine.domain.progress import Progress
from synth_engine.training.averaging import WeightAverage
from synth_engine.training.history import History, Record
from synth_engine.training.schedule import Schedule
from synth_engine.training.steppers import PlainStepper

# Between two reports inside an epoch, in seconds.
REPORT_INTERVAL = 1.0


class Task(Protocol):
    """What is to be learned: a network and the records to learn it from."""

    @property
    def network(self) -> nn.Module:
        """The network."""
        ...

    @property
    def n_training(self) -> int:
        """Number of training records."""
        ...

    @property
    def n_validation(self) -> int:
        """Number of validation records."""
        ...

    def batch_loss(self, network: nn.Module, rows: Tensor) -> Tensor:
        """Mean loss of the training records with these indices, in nats per record."""
        ...

    def validation_loss(self, network: nn.Module) -> float:
        """Mean loss of the validation records; comparable from epoch to epoch."""
        ...


@dataclass(frozen=True)
class Limits:
    """When training ends at the latest, and the size of its steps.

    Args:
        epochs: Passes over the training records; fractions allowed.
        seconds: Wall-clock time.
        batch_size: Records per micro-batch.
        accumulation: Micro-batches per optimiser step.
    """

    epochs: float
    seconds: float
    batch_size: int
    accumulation: int = 1


@dataclass(frozen=True)
class Outcome:
    """How training ended, and what it took."""

    reason: str
    best_loss: float | None
    epochs: float
    steps: int
    seconds: float


@dataclass
class _State:
    step: int = 0
    samples: int = 0
    best_loss: float = math.inf
    is_short_of_time: bool = False
    stop: str | None = None


class _Training:
    def __init__(
        self,
        task: Task,
        stepper: PlainStepper,
        schedule: Schedule,
        limits: Limits,
        average: WeightAverage,
        generator: torch.Generator,
        progress: Progress,
        on_best: Callable[[nn.Module, History], None],
    ) -> None:
        self.task, self.stepper, self.schedule, self.limits = task, stepper, schedule, limits
        self.average, self.generator, self.progress, self.on_best = average, generator, progress, on_best
        self.history = History()
        self.state = _State()
        self.started = self.reported = time.monotonic()
        self.reported_epochs = 0.0
        per_step = limits.batch_size * limits.accumulation
        self.steps_per_epoch = max(1, task.n_training // per_step)
        # Rounded, as 1.1 epochs of 10 steps would be 11.000000000000002 of them.
        self.max_steps = math.ceil(round(limits.epochs * self.steps_per_epoch, 6)) if task.n_training else 0

    def run(self) -> Outcome:
        epoch = 0
        while self.state.stop is None:
            self._check_limits()
            if self.state.stop is None:
                epoch += 1
                self._epoch(epoch)
        return Outcome(
            reason=self.state.stop,
            best_loss=None if math.isinf(self.state.best_loss) else self.state.best_loss,
            epochs=self.state.step / self.steps_per_epoch,
            steps=self.state.step,
            seconds=self._elapsed(),
        )

    def _epoch(self, epoch: int) -> None:
        losses, rate, started, samples_before = [], 0.0, time.monotonic(), self.state.samples
        for micro_batches in self._steps_of_epoch():
            rate = self.schedule.rate(self.state.step)
            losses.append(self.stepper.step(micro_batches, rate, self.schedule.decay(self.state.step)))
            self.average.update()
            self.state.step += 1
            self.state.samples += sum(len(rows) for rows in micro_batches)
            self._check_limits()
            if time.monotonic() - self.reported >= REPORT_INTERVAL:
                self._report(samples_per_second=self._speed(started, samples_before))
            if self.state.stop is not None:
                break
        self._finish_epoch(epoch, torch.stack(losses).mean().item(), rate, self._speed(started, samples_before))

    def _speed(self, since: float, samples_before: int) -> int:
        """Samples per second."""
        seconds = max(time.monotonic() - since, 1e-9)  # clocks may be coarse
        return round((self.state.samples - samples_before) / seconds)

    def _steps_of_epoch(self) -> Iterator[list[Tensor]]:
        n, size = self.task.n_training, self.limits.batch_size
        order = torch.randperm(n, generator=self.generator, device=self.generator.device)
        per_step = size * self.limits.accumulation
        for step in range(self.steps_per_epoch):
            yield list(order[step * per_step : (step + 1) * per_step].split(size))

    def _finish_epoch(self, epoch: int, training_loss: float, rate: float, speed: int) -> None:
        validation_loss = self.task.validation_loss(self.average.module) if self.task.n_validation else training_loss
        if not math.isfinite(training_loss) or not math.isfinite(validation_loss):
            self._diverged(epoch)
            return
        is_best = validation_loss < self.state.best_loss
        self.schedule.observe(self.state.step, validation_loss)
        record = Record(
            epoch=self._epochs_done(),
            is_checkpoint=is_best,
            steps=self.state.step,
            samples=self.state.samples,
            trn_loss=training_loss,
            val_loss=validation_loss if self.task.n_validation else None,
            total_time=self._elapsed(),
            learn_rate=rate,
        )
        self.history.add(record)
        if is_best:
            self.state.best_loss = validation_loss
            self.on_best(self.average.module, self.history)
        facts = {
            "is_checkpoint": is_best,
            "trn_loss": training_loss,
            "val_loss": record.val_loss,
            "learn_rate": rate,
            "total_time": record.total_time,
        }
        self._report(samples_per_second=speed, **facts)

    def _diverged(self, epoch: int) -> None:
        if math.isinf(self.state.best_loss):
            raise TrainingStoppedError(
                f"the loss is no longer finite in epoch {epoch}, before any model was good enough to keep; "
                "try a smaller batch_size"
            )
        self.state.stop = "the loss is no longer finite; the best model before that was kept"

    def _report(self, **facts: Any) -> None:
        epochs = self._epochs_done()
        self.progress.report(
            advance=epochs - self.reported_epochs,
            total=self._expected_epochs(),
            epoch=epochs,
            steps=self.state.step,
            samples=self.state.samples,
            **facts,
        )
        self.reported, self.reported_epochs = time.monotonic(), epochs
        if self.progress.stop_requested and self.state.stop is None:
            self.state.stop = "the caller asked for it"

    def _epochs_done(self) -> float:
        return round(self.state.step / self.steps_per_epoch, 4)

    def _expected_epochs(self) -> float:
        end = self.max_steps if self.schedule.cooldown_to is None else min(self.max_steps, self.schedule.cooldown_to)
        return end / self.steps_per_epoch

    def _check_limits(self) -> None:
        """Begin the cool-down in time to end it within the limits, and stop at them."""
        step, elapsed = self.state.step, self._elapsed()
        if step >= self.max_steps:
            self.state.stop = "all epochs are done"
        elif elapsed >= self.limits.seconds:
            self.state.stop = "the time is up"
        elif self.schedule.finished(step):
            is_short = self.state.is_short_of_time
            self.state.stop = "the time is up" if is_short else "the validation loss no longer improved"
        elif self.schedule.cooldown_from is None and step > 0:
            in_time = (self.limits.seconds - elapsed) * step / max(elapsed, 1e-9)
            left = min(self.max_steps - step, in_time)
            if left <= self.schedule.cooldown_length(step):
                self.schedule.begin_cooldown(step, max(1, int(left)))
                self.state.is_short_of_time = in_time < self.max_steps - step

    def _elapsed(self) -> float:
        return time.monotonic() - self.started


def fit(
    task: Task,
    stepper: PlainStepper,
    schedule: Schedule,
    limits: Limits,
    *,
    generator: torch.Generator,
    progress: Progress,
    on_best: Callable[[nn.Module, History], None],
    average_decay: float = 0.998,
) -> tuple[Outcome, History, nn.Module]:
    """Train until the validation loss stops improving or a limit is met.

    Args:
        task: Network and records.
        stepper: Takes the steps.
        schedule: Learning rates; decides when it is over.
        limits: Epochs, time, batch size.
        generator: Order of the records.
        progress: Told of every epoch; may ask to stop.
        on_best: Called with the averaged network whenever it is the best so far.
        average_decay: Decay of the average of weights.

    Returns:
        How it ended, the history, and the averaged network of the best epoch (the untrained one if there was no epoch).
    """
    average = WeightAverage(task.network, average_decay)
    best = copy.deepcopy(average.module)

    def keep(module: nn.Module, history: History) -> None:
        best.load_state_dict(module.state_dict())
        on_best(best, history)

    training = _Training(task, stepper, schedule, limits, average, generator, progress, keep)
    outcome = training.run()
    return outcome, training.history, best
