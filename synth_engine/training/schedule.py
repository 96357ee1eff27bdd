"""Learning rate, weight decay and the end of training: warm up, hold while it pays, cool down, stop.

A fixed horizon is too long for one table and too short for the next. So the rate is held until the validation loss no
longer improves, or until the limits leave just enough room, and then falls linearly to zero.
After "warmup-stable-decay" (arXiv 2404.06395; on why the cool-down works: arXiv 2405.18392).
"""

from dataclasses import dataclass


@dataclass
class Schedule:
    """The state of the schedule. Progress is measured in steps.

    Args:
        peak: Learning rate after the warm-up.
        warmup_steps: Steps of linear growth from zero.
        weight_decay: Decoupled weight decay at its full strength.
        decay_ramp_steps: Steps over which it grows to that. Overfitting grows with the number of passes over the data,
            so regularisation does too; from the start at full strength it would only slow the first epochs down.
        patience: Epochs without improvement after which the cool-down begins.
        min_gain: Improvement that counts as one, as a share of the loss.
        cooldown_share: Length of the cool-down as a share of the steps before it.
    """

    peak: float
    warmup_steps: int = 50
    weight_decay: float = 1.0
    decay_ramp_steps: int = 0
    patience: int = 2
    min_gain: float = 1e-4
    cooldown_share: float = 0.4
    best_loss: float = float("inf")
    epochs_without_gain: int = 0
    cooldown_from: int | None = None
    cooldown_to: int | None = None

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from zero."""
        warm = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        if self.cooldown_from is None or self.cooldown_to is None:
            return self.peak * warm
        left = self.cooldown_to - step
        return self.peak * warm * max(0.0, min(1.0, left / max(self.cooldown_to - self.cooldown_from, 1)))

    def decay(self, step: int) -> float:
        """Weight decay of a step, counted from zero."""
        return self.weight_decay * min(1.0, step / max(self.decay_ramp_steps, 1))

    def observe(self, step: int, loss: float) -> None:
        """Take note of a validation loss; begins the cool-down when it has stopped falling."""
        if loss < self.best_loss - self.min_gain * abs(loss):
            self.best_loss, self.epochs_without_gain = loss, 0
        else:
            self.epochs_without_gain += 1
        if self.epochs_without_gain >= self.patience:
            self.begin_cooldown(step, self.cooldown_length(step))

    def begin_cooldown(self, step: int, length: int) -> None:
        """Let the rate fall to zero over the next `length` steps; does nothing once begun."""
        if self.cooldown_from is None:
            self.cooldown_from, self.cooldown_to = step, step + max(length, 1)

    def cooldown_length(self, step: int) -> int:
        """Steps that a cool-down beginning now would take."""
        return max(1, round(self.cooldown_share * step))

    def finished(self, step: int) -> bool:
        """Whether the rate has come down to zero."""
        return self.cooldown_to is not None and step >= self.cooldown_to
