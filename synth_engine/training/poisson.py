"""Poisson sampling: which records a private step sees.

The accountants' amplification by sampling holds for this way of sampling: each record by itself, with the same
probability, so that batches differ in size and may be empty. Shuffled epochs would cost more privacy than is counted.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synth_engine.training.randomness import Randomness
from synth_engine.training.secrets import secret_generator


@dataclass(frozen=True)
class PoissonRows:
    """Draws the records of every step anew.

    Guarantees:
        - each record is in each step with probability `sample_rate`, independently of all other records and steps;
        - it is in each of the micro-batches with the same probability, whoever else is there: one record more moves no
          other one to where it would meet other column orders;
        - nothing but the indices tells how many records there are: `steps_per_epoch` and `records_per_step` follow from
          the arguments that are public;
        - a step asked for again has the same records: nothing is kept between calls.

    Args:
        n_records: Number of records. Sensitive.
        sample_rate: Probability of each, above 0.
        records_per_step: How many are expected in a step: `sample_rate` times the number that is published.
        n_micro_batches: Parts of every step. Their size is random, too: memory must allow for a few more.
        randomness: Of the run, from a secret key: the accountant assumes that nobody knows who is in a step.
        device: Where the indices are wanted.
    """

    n_records: int
    sample_rate: float
    records_per_step: int
    n_micro_batches: int
    randomness: Randomness
    device: torch.device

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every record is expected to be drawn once."""
        return max(1, round(1 / self.sample_rate))

    def batches(self, step: int) -> list[Tensor]:
        """Indices of the records of a step, by micro-batch; some or all may be empty."""
        uniforms = secret_generator(self.randomness, "records", step).random(self.n_records)
        drawn = np.flatnonzero(uniforms < self.sample_rate)
        # Given that a record was drawn, its number is uniform below the rate: it chooses the micro-batch as well.
        places = (uniforms[drawn] / self.sample_rate * self.n_micro_batches).astype(np.int64)
        places = places.clip(max=self.n_micro_batches - 1)  # the quotient may have been rounded up
        parts = [drawn[places == place] for place in range(self.n_micro_batches)]
        return [torch.from_numpy(rows).to(self.device) for rows in parts]
