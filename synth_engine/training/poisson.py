"""Poisson sampling: which records a private step sees.

The accountants' amplification by sampling holds for this way of sampling: each record by itself, with the same
probability, so that batches differ in size and may be empty. Shuffled epochs would cost more privacy than is counted.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synth_engine.privacy.keyed import keyed_generator


@dataclass(frozen=True)
class PoissonSampler:
    """Draws the records of every step anew.

    Guarantees:
        - each record is in each step with probability `sample_rate`, independently of all other records and steps;
        - which micro-batch of a step a record is in does not depend on which others are there, so that one record more
          moves no other one among those that share column orders with it;
        - a step asked for again has the same records: nothing is kept between calls.

    Args:
        n_records: Number of records.
        sample_rate: Probability of each.
        micro_batch: Records per micro-batch on average; the root of it more or less, and now and then some more.
        key: Secret of this training. Whoever knows which records a step saw knows more than the accountant assumes.
        device: Where indices are wanted.
    """

    n_records: int
    sample_rate: float
    micro_batch: int
    key: bytes
    device: torch.device = torch.device("cpu")

    @property
    def n_micro_batches(self) -> int:
        """Micro-batches of every step. Follows from the rate, not from who was drawn."""
        return max(1, -(-round(self.sample_rate * self.n_records) // self.micro_batch))

    def batches(self, step: int) -> list[Tensor]:
        """Indices of the records of a step, by micro-batch; some may be empty."""
        uniforms = keyed_generator(self.key, "records", step).random(self.n_records)
        drawn = np.flatnonzero(uniforms < self.sample_rate)
        # Given that a record was drawn, its number is uniform below the rate, and can choose the micro-batch as well.
        parts = (uniforms[drawn] / max(self.sample_rate, np.finfo(float).tiny) * self.n_micro_batches).astype(np.int64)
        parts = parts.clip(max=self.n_micro_batches - 1)  # the quotient may have been rounded up
        found = [torch.from_numpy(drawn[parts == part]) for part in range(self.n_micro_batches)]
        return [rows.to(self.device) for rows in found]
