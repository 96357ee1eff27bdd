"""The kinds of what is learned from: rows of one table, subjects with their events, and records that are written out.

Belongs here: what a training must know of its data and of the network for them. Does not belong here: how they are
learned (`regimes`), how the network works (`synth_engine.tabular`, `synth_engine.sequences`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from synth_engine.domain import InputError, ModelType
from synth_engine.stages.model_files import Described, Network, NetworkSizes
from synth_engine.tabular.transferred import RESET_HINT, Transfer
from synth_engine.training import Schedule
from synth_engine.training.gradients import Gradients, Losses
from synth_engine.training.loop import Referee
from synth_engine.training.private_stepper import TappedLosses
from synth_engine.workspace import ArtefactReader

Counts = Sequence[Sequence[Tensor]]
"""How often each code of each sub-column occurs, for each table of codes that is counted."""


@dataclass(frozen=True)
class Reusable:
    """A model whose weights another training starts from.

    Args:
        model: Its identifier.
        network: With its weights.
        described: Statistics of the data that it was trained on.
        events: What is known of its privacy; None where it was trained without.
        files: Its files.
    """

    model: str
    network: Network
    described: Described
    events: list[dict[str, Any]] | None
    files: ArtefactReader


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

    @property
    def average_decay(self) -> float:
        """Of the average of weights in plain training."""
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

    @property
    def releases_counts(self) -> bool:
        """Whether `bounded_counts` are anything, so that training with differential privacy has to pay for them."""
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

    def carry_over(self, reused: Reusable, new: nn.Module) -> Transfer:
        """What a trained network knows, to a fresh one for these data; raises `InputError` where nothing fits."""
        ...


def other_kind(old: Described, new: Described) -> InputError:
    """The error where the network to carry over from is not of the kind of the data."""
    expected, found = _told(new), _told(old)
    return InputError(
        f"model to reuse: expected a model of {expected}, as in the data, found one of {found}; {RESET_HINT}"
    )


def _told(described: Described) -> str:
    if described.model_type is ModelType.LANGUAGE:
        return "written records (LANGUAGE encodings)"
    return "the rows of subjects (tgt_context_key)" if described.has_subjects else "rows of one table"
