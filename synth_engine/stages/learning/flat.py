"""Rows of one table, each a record, as something to learn from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from synth_engine.stages.encoded_columns import matrix
from synth_engine.stages.learning.kinds import Counts, Reusable, Task, other_kind
from synth_engine.stages.model_files import Described, NetworkSizes, layout_of, weights_file
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.calibration import calibrate
from synth_engine.tabular.marginals import count_codes
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.private_task import PrivateTabularTask
from synth_engine.tabular.recipe import AVERAGE_DECAY, batch_size_for, private_schedule_for, private_sizes, schedule_for
from synth_engine.tabular.sizes import DEFAULT, Sizes, sizes_for
from synth_engine.tabular.task import TabularTask
from synth_engine.tabular.transfer import transfer
from synth_engine.tabular.transferred import Transfer
from synth_engine.training import Schedule
from synth_engine.training.gradients import Gradients, gradients_for
from synth_engine.training.private_stepper import TappedLosses
from synth_engine.workspace import ArtefactReader
from synth_engine.workspace.artefacts import TRAINING, VALIDATION


@dataclass(frozen=True, eq=False)
class FlatKind:
    """See `kinds.Kind`.

    Args:
        statistics: Of the table.
        codes: Integer matrices (N, K), by role.
    """

    statistics: TableStatistics
    codes: Mapping[str, Tensor]

    @classmethod
    def read(cls, statistics: TableStatistics, encoded: ArtefactReader, device: torch.device) -> "FlatKind":
        """Read all partitions."""
        return cls(statistics, {role: _read_codes(encoded, role).to(device) for role in (TRAINING, VALIDATION)})

    @property
    def device(self) -> torch.device:
        """Where the codes lie."""
        return self.codes[TRAINING].device

    @property
    def n_parts(self) -> int:
        """Number of training rows."""
        return len(self.codes[TRAINING])

    n_records = n_parts
    default_model, releases_counts, average_decay = DEFAULT, True, AVERAGE_DECAY

    def batch_size(self) -> int:
        """By the number of rows."""
        return batch_size_for(self.n_parts)

    def schedule(self, parts_per_step: int) -> Schedule:
        """By the number of rows."""
        return schedule_for(self.n_parts, parts_per_step)

    def private_schedule(self, steps: int, records_per_step: int) -> Schedule:
        """By the number of rows."""
        return private_schedule_for(steps, records_per_step)

    def records_with(self, n_rows: int) -> int:
        """As many."""
        return n_rows

    def sizes(self, model: str | None, *, private: bool) -> Sizes:
        """By the number of sub-columns."""
        sizes = sizes_for(model, len(layout_of(self.statistics).cardinalities))
        return private_sizes(sizes) if private else sizes

    def files(self, network: nn.Module) -> dict[str, bytes]:
        """Its weights."""
        return weights_file(network)

    def network(self, sizes: NetworkSizes) -> TabularNetwork:
        """A fresh network."""
        assert isinstance(sizes, Sizes)
        return TabularNetwork(layout_of(self.statistics), sizes)

    def counts(self) -> Counts:
        """Of all training rows."""
        return [count_codes(self.codes[TRAINING], layout_of(self.statistics).cardinalities)]

    def bounded_counts(self) -> Counts:
        """The same: a row is a record."""
        return self.counts()

    def start(self, network: nn.Module, counts: Counts) -> None:
        """Let the first predictions be these frequencies."""
        assert isinstance(network, TabularNetwork)
        network.start_from_marginals(counts[0])

    def calibrate(self, network: nn.Module, counts: Counts, generator: torch.Generator, *, private: bool) -> None:
        """Let samples have these frequencies."""
        assert isinstance(network, TabularNetwork)
        calibrate(network, counts[0], generator)

    def task(self, network: nn.Module, *, flexible: bool) -> TabularTask:
        """Plain training."""
        assert isinstance(network, TabularNetwork)
        return TabularTask(network, self.codes[TRAINING], self.codes[VALIDATION], flexible=flexible)

    def gradients(self, network: nn.Module, task: Task) -> Gradients:
        """By what suits the device."""
        return gradients_for(network, task)

    def private_losses(self, *, flexible: bool) -> TappedLosses:
        """Training with differential privacy."""
        return PrivateTabularTask(self.codes[TRAINING], flexible=flexible).batch_losses

    def carry_over(self, reused: Reusable, new: nn.Module) -> Transfer:
        """Column by column, code by code."""
        assert isinstance(new, TabularNetwork)
        if not isinstance(reused.network, TabularNetwork):
            raise other_kind(reused.described, Described(self.statistics))
        return transfer(reused.network, reused.described.target.columns, new, self.statistics.columns)


def _read_codes(encoded: ArtefactReader, role: str) -> Tensor:
    """All partitions of a role as one integer matrix, rows by sub-columns."""
    tables = [encoded.table(name) for name in encoded.parts(role)]
    return torch.from_numpy(np.concatenate([matrix(table.columns, table.num_rows) for table in tables]))
