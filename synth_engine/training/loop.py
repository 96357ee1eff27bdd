"""The training loop: epochs of steps, a validation after each, the best weights kept, a snapshot now and then."""

import math
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from synth_engine.domain import TrainingStoppedError
from synth_engine.domain.progress import Progress
from synth_engine.training.history import Record
from synth_engine.training.learner import Learner
from synth_engine.training.sampling import Sampler
from synth_engine.training.team import Alone, Team
from synth_engine.training.termination import Termination

# Between two reports inside an epoch, in seconds.
REPORT_INTERVAL = 1.0


class Referee(Protocol):
    """Judges what was learned by an epoch."""

    def validation_loss(self, network: nn.Module) -> float | None:
        """Mean loss of records that are not trained on, comparable from epoch to epoch; None where there are none."""
        ...


class Keeper(Protocol):
    """Puts snapshots and models away."""

    def is_due(self, *, at_end_of_epoch: bool) -> bool:
        """Whether enough was done since the last time."""
        ...

    def save(self, learner: Learner) -> None:
        """Put away the best model so far, and what is needed to go on from here."""
        ...


class Spending(Protocol):
    """What the steps cost of the privacy of the records."""

    @property
    def delta(self) -> float:
        """Probability that the loss is larger."""
        ...

    def epsilon(self, step: int) -> float:
        """Privacy loss of so many steps and of all that came before them."""
        ...


@dataclass(frozen=True)
class Limits:
    """When training ends at the latest.

    Args:
        epochs: Passes over the training records; fractions allowed.
        seconds: Wall-clock time.
        steps: Steps that are allowed for, if fewer.
    """

    epochs: float
    seconds: float
    steps: int | None = None


def steps_of(epochs: float, steps_per_epoch: int) -> int:
    """Steps of so many epochs.

    >>> steps_of(1.1, 10), steps_of(0.01, 10)
    (11, 1)
    """
    # Rounded, as 1.1 epochs of 10 steps would be 11.000000000000002 of them.
    return math.ceil(round(epochs * steps_per_epoch, 6))


@dataclass(frozen=True)
class Outcome:
    """How training ended, and what it took."""

    reason: str
    best_loss: float | None
    epochs: float
    steps: int
    seconds: float


@dataclass
class Loop:
    """Trains until the validation loss stops improving or a limit is met.

    Args:
        learner: What is trained; may have been restored from a snapshot.
        sampler: Chooses the records of each step.
        limits: Epochs, time, steps.
        progress: Told of every epoch; may ask to stop.
        referee: Judges each epoch. None: nobody looks at the records beside the steps themselves, each epoch's model
            takes the place of the one before, and the schedule is left to the limits; for differential privacy.
        keeper: Puts snapshots away; None keeps nothing.
        spending: Tells what the steps cost.
        team: Processes that train together.
        termination: Tells of a request to end; then a last snapshot is put away.
    """

    learner: Learner
    sampler: Sampler
    limits: Limits
    progress: Progress
    referee: Referee | None = None
    keeper: Keeper | None = None
    spending: Spending | None = None
    team: Team = field(default_factory=Alone)
    termination: Termination = field(default_factory=Termination)

    def __post_init__(self) -> None:
        self.stop: str | None = None
        self.started = self.reported = self.epoch_started = time.monotonic()
        self.seconds_before, self.samples_before = self.learner.counters.seconds, self.learner.counters.samples
        self.reported_epochs = 0.0
        wanted = steps_of(self.limits.epochs, self.sampler.steps_per_epoch)
        allowed = math.inf if self.limits.steps is None else self.limits.steps
        self.is_short_of_steps = allowed < wanted
        self.max_steps = int(min(wanted, allowed)) if self.sampler.records_per_step else 0

    def run(self) -> Outcome:
        """Train. `end` is the state in which another run can go on from here.

        Where training stops inside an epoch, that is the state before this part of an epoch was judged: whoever goes on
        finishes the epoch first.
        """
        counters = self.learner.counters
        while self._may_go_on():
            self._step()
            is_end = counters.step % self.sampler.steps_per_epoch == 0
            if is_end:
                self._finish_epoch()
            elif time.monotonic() - self.reported >= REPORT_INTERVAL:
                self._report(samples_per_second=self._speed())
            if self.keeper is not None and self.keeper.is_due(at_end_of_epoch=is_end):
                self._save()
        self._note_time()
        self.end = self.learner.snapshot()
        if counters.step % self.sampler.steps_per_epoch:
            self._finish_epoch()
        return Outcome(
            reason=self.stop or "",
            best_loss=None if math.isinf(counters.best_loss) else counters.best_loss,
            epochs=counters.step / self.sampler.steps_per_epoch,
            steps=counters.step,
            seconds=self._elapsed(),
        )

    def _step(self) -> None:
        learner, counters = self.learner, self.learner.counters
        rate, decay = learner.schedule.rate(counters.step), learner.schedule.decay(counters.step)
        loss = learner.stepper.step(counters.step, self.sampler.batches(counters.step), rate, decay)
        if loss is not None:
            learner.losses.append(loss)
        learner.average.update()
        counters.step += 1
        counters.samples += self.sampler.records_per_step

    def _finish_epoch(self) -> None:
        learner, counters = self.learner, self.learner.counters
        training_loss = torch.stack(learner.losses).mean().item() if learner.losses else None
        learner.losses = []
        validation_loss = self._judge()
        # Without records to check with, those that are trained on decide.
        deciding = training_loss if validation_loss is None else validation_loss
        if not self._is_sound(training_loss, deciding):
            self._diverged()
            return
        is_best = deciding is None or deciding < counters.best_loss
        if deciding is not None:
            learner.schedule.observe(counters.step, deciding)
            counters.best_loss = min(counters.best_loss, deciding)
        if is_best:
            learner.keep_as_best()
        self._record(is_best, training_loss, validation_loss)
        self.epoch_started, self.samples_before = time.monotonic(), counters.samples

    def _judge(self) -> float | None:
        loss = None if self.referee is None else self.referee.validation_loss(self.learner.average.module)
        return None if loss is None else self.team.decided(loss)

    def _is_sound(self, *losses: float | None) -> bool:
        known = [loss for loss in losses if loss is not None]
        if known:
            return all(math.isfinite(loss) for loss in known)
        return all(bool(tensor.isfinite().all()) for tensor in self.learner.average.module.state_dict().values())

    def _diverged(self) -> None:
        if not any(record.is_checkpoint for record in self.learner.history.records):
            epoch = math.ceil(self._epochs_done())
            raise TrainingStoppedError(
                f"the loss is no longer finite in epoch {epoch}, before any model was good enough to keep; "
                "try a smaller batch_size"
            )
        self.stop = "the loss is no longer finite; the best model before that was kept"

    def _record(self, is_best: bool, training_loss: float | None, validation_loss: float | None) -> None:
        counters = self.learner.counters
        record = Record(
            epoch=self._epochs_done(),
            is_checkpoint=is_best,
            steps=counters.step,
            samples=counters.samples,
            trn_loss=training_loss,
            val_loss=validation_loss,
            total_time=self._elapsed(),
            learn_rate=self.learner.schedule.rate(counters.step - 1),
            dp_eps=None if self.spending is None else self.spending.epsilon(counters.step),
            dp_delta=None if self.spending is None else self.spending.delta,
        )
        self.learner.history.add(record)
        shown = ("is_checkpoint", "trn_loss", "val_loss", "learn_rate", "total_time", "dp_eps")
        facts = {name: getattr(record, name) for name in shown if name != "dp_eps" or record.dp_eps is not None}
        self._report(samples_per_second=self._speed(), **facts)

    def _report(self, **facts: Any) -> None:
        counters, epochs = self.learner.counters, self._epochs_done()
        self.progress.report(
            advance=epochs - self.reported_epochs,
            total=self._expected_epochs(),
            epoch=epochs,
            steps=counters.step,
            samples=counters.samples,
            **facts,
        )
        self.reported, self.reported_epochs = time.monotonic(), epochs

    def _save(self) -> None:
        if self.keeper is not None:
            self._note_time()
            self.keeper.save(self.learner)

    def _may_go_on(self) -> bool:
        """Begin the cool-down in time to end it within the limits, and stop at them."""
        if self.stop is None:
            elapsed = self.team.decided(self._elapsed())
            self.stop = self._why_stop(elapsed)
            if self.stop is None:
                self._cool_down_in_time(elapsed)
        return self.stop is None

    def _why_stop(self, elapsed: float) -> str | None:
        step, schedule = self.learner.counters.step, self.learner.schedule
        if self.team.decided(self.termination.requested):
            self._save()
            raise TrainingStoppedError("the process was asked to end; continue with model_state_strategy='RESUME'")
        if self.team.decided(self.progress.stop_requested):
            return "the caller asked for it"
        if step >= self.max_steps:
            return "the privacy budget allows for no more steps" if self.is_short_of_steps else "all epochs are done"
        if elapsed >= self.limits.seconds:
            return "the time is up"
        if schedule.finished(step):
            is_late = self.learner.counters.limit == "time"
            return "the time is up" if is_late else "the validation loss no longer improved"
        return None

    def _cool_down_in_time(self, elapsed: float) -> None:
        counters, schedule = self.learner.counters, self.learner.schedule
        if schedule.cooldown_from is not None or counters.step == 0:
            return
        in_time = (self.limits.seconds - elapsed) * counters.step / max(elapsed, 1e-9)
        left = min(self.max_steps - counters.step, in_time)
        if left <= schedule.cooldown_length(counters.step):
            schedule.begin_cooldown(counters.step, max(1, int(left)))
            counters.limit = "time" if in_time < self.max_steps - counters.step else "epochs"

    def _epochs_done(self) -> float:
        return round(self.learner.counters.step / self.sampler.steps_per_epoch, 4)

    def _expected_epochs(self) -> float:
        schedule = self.learner.schedule
        end = self.max_steps if schedule.cooldown_to is None else min(self.max_steps, schedule.cooldown_to)
        return end / self.sampler.steps_per_epoch

    def _speed(self) -> int:
        """Samples per second."""
        seconds = max(time.monotonic() - self.epoch_started, 1e-9)  # clocks may be coarse
        return round((self.learner.counters.samples - self.samples_before) / seconds)

    def _elapsed(self) -> float:
        """Seconds of training, those before a snapshot included."""
        return self.seconds_before + time.monotonic() - self.started

    def _note_time(self) -> None:
        self.learner.counters.seconds = self._elapsed()
