"""The kinds of what is learned from: rows of one table, subjects with their events, and records that are written out.

Belongs here: what a training must know of its data and of the network for them. Does not belong here: how they are
learned (`regimes`), how the network works (`synth_engine.tabular`, `synth_engine.sequences`).
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from synth_engine.domain import InputError
from synth_engine.stages.model_files import Described, Network, NetworkSizes
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.transferred import RESET_HINT, Transfer
from synth_engine.training import Schedule
from synth_engine.training.gradients import Gradients, Losses
from synth_engine.training.loop import Referee
from synth_engine.training.private_stepper import TappedLosses

Counts = Sequence[Sequence[Tensor]]
"""How often each code of each sub-column occurs, for each table of codes that is counted."""


class Task(Losses, Referee, Protocol):
    """What a plain training does with its data."""


class Kind(Protocol):
    """What is learned from."""

    @property
    def device(self) -> torch.device:
        """Where the codes lie."""
        ...

    @property
    def n_parts(self) -> int:
        """What an epoch goes through: rows, or windows of subjects."""
        ...

    @property
    def n_records(self) -> int:
        """Rows, or subjects. Sensitive."""
        ...

    @property
    def default_model(self) -> str:
        """The identifier of the model where nobody names one."""
        ...

    def batch_size(self) -> int:
        """Parts of a micro-batch of plain training."""
        ...

    def schedule(self, parts_per_step: int) -> Schedule:
        """Learning rates of plain training."""
        ...

    def private_schedule(self, steps: int, records_per_step: int) -> Schedule:
        """Learning rates of exactly so many steps with differential privacy."""
        ...

    def records_with(self, n_rows: int) -> int:
        """How many records have about so many rows of codes, as far as it may be known; one at least."""
        ...

    def sizes(self, model: str | None, *, private: bool) -> NetworkSizes:
        """Sizes of the network for a model identifier, as suits training with or without differential privacy."""
        ...

    def network(self, sizes: NetworkSizes) -> Network:
        """A fresh network, from torch's own generator."""
        ...

    def files(self, network: nn.Module) -> dict[str, bytes]:
        """What to store of a network."""
        ...

    def counts(self) -> Counts:
        """How often each code occurs in training rows: what a network starts from. Sensitive."""
        ...

    def bounded_counts(self) -> Counts:
        """The same, so that a record adds one at most to all counts of a sub-column together. Sensitive."""
        ...

    def start(self, network: nn.Module, counts: Counts) -> None:
        """Let the first predictions be these frequencies."""
        ...

    def calibrate(self, network: nn.Module, counts: Counts, generator: torch.Generator, *, private: bool) -> None:
        """Let samples have these frequencies, where that can be had; if private, looking at nothing but them."""
        ...

    def task(self, network: nn.Module, *, flexible: bool) -> Task:
        """Plain training."""
        ...

    def gradients(self, network: nn.Module, task: Task) -> Gradients:
        """How its gradients are computed."""
        ...

    def private_losses(self, *, flexible: bool) -> TappedLosses:
        """Training with differential privacy: losses of records."""
        ...

    def carry_over(self, old: nn.Module, described: Described, new: nn.Module) -> Transfer:
        """What a trained network knows, to a fresh one for these data; raises `InputError` where nothing fits."""
        ...


def other_kind(old: nn.Module) -> InputError:
    """The error where the network to carry over from is not of the kind of the data."""
    rows, subjects = "rows of one table", "the rows of subjects (tgt_context_key)"
    expected, found = (subjects, rows) if isinstance(old, TabularNetwork) else (rows, subjects)
    return InputError(
        f"model to reuse: expected a model of {expected}, as in the data, found one of {found}; {RESET_HINT}"
    )
