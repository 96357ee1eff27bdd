"""Which records a step is about."""

from typing import Protocol

import torch
from torch import Tensor

from synth_engine.training.randomness import Randomness


class Sampler(Protocol):
    """Chooses the records of every step.

    Attributes:
        steps_per_epoch: Steps after which every record had its turn, or could have had it.
        records_per_step: Records of a step; their expectation where their number is random.
    """

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch, at least one."""
        ...

    @property
    def records_per_step(self) -> int:
        """Records of a step."""
        ...

    def batches(self, step: int) -> list[Tensor]:
        """Indices of the records of a step, counted from zero, in micro-batches; always the same for the same step."""
        ...


class ShuffledRows:
    """Every epoch a new random order of all records, cut into steps; what is left over has its turn another time.

    Args:
        n_records: How many there are.
        batch_size: Records of a micro-batch.
        accumulation: Micro-batches of a step.
        randomness: Of the run.
        device: Where the indices are wanted.
    """

    def __init__(
        self, n_records: int, batch_size: int, accumulation: int, randomness: Randomness, device: torch.device
    ) -> None:
        self._n, self._batch_size, self._device = n_records, batch_size, device
        self._randomness = randomness
        self.records_per_step = min(batch_size * accumulation, n_records)
        self.steps_per_epoch = max(1, n_records // (batch_size * accumulation))
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    def batches(self, step: int) -> list[Tensor]:
        """Indices of the records of a step, in micro-batches."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = self._randomness.generator(self._device, "rows", epoch)
            self._order = torch.randperm(self._n, generator=generator, device=self._device)
            self._epoch = epoch
        start = place * self.records_per_step
        return list(self._order[start : start + self.records_per_step].split(self._batch_size))
