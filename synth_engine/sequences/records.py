"""Codes of subjects and of their events, as few large tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from synth_engine.sequences.context import Context, Lists


class Batch(NamedTuple):
    """Some subjects, each with all of its events or a window of them.

    Args:
        context_BC: Codes of the context.
        length_BL: Codes of the numbers of events.
        events_EK: Codes of the events, subject by subject.
        subject_E: Which subject of the batch each belongs to.
        index_E: How many events its subject has before it.
        total_E: How many its subject has.
        is_first_E: Whether it is the first one here of its subject.
        lists: Codes and offsets of each context column of lists, see `Lists`.
    """

    context_BC: Tensor
    length_BL: Tensor
    events_EK: Tensor
    subject_E: Tensor
    index_E: Tensor
    total_E: Tensor
    is_first_E: Tensor
    lists: tuple[Tensor, ...] = ()

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> "Batch":
        """Inverse of `tensors`."""
        n_others = len(cls._fields) - 1
        return cls._make([*tensors[:n_others], tuple(tensors[n_others:])])

    @classmethod
    def n_tensors(cls, n_lists: int) -> int:
        """How many `tensors` there are with so many columns of lists."""
        return len(cls._fields) - 1 + 2 * n_lists

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of it, flat."""
        return *self[:-1], *self.lists

    @property
    def context(self) -> Context:
        """The codes of the context."""
        return Context(self.context_BC, tuple(map(Lists, self.lists[::2], self.lists[1::2])))


@dataclass(frozen=True, eq=False)
class Records:
    """Subjects with their events.

    Args:
        context: Codes of the context, int32.
        length_SL: Codes of the numbers of events, int32.
        offsets: Where the events of each subject begin, and where the last ones end: int64, (S + 1,).
        events_EK: Codes of the events, int32, subject by subject.
    """

    context: Context
    length_SL: Tensor
    offsets: Tensor
    events_EK: Tensor

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def device(self) -> torch.device:
        """Where the codes lie."""
        return self.events_EK.device

    def to(self, device: torch.device) -> "Records":
        """The same on another device."""
        parts = (self.length_SL, self.offsets, self.events_EK)
        return Records(self.context.to(device), *(part.to(device) for part in parts))

    @property
    def lengths(self) -> Tensor:
        """Number of events of each subject."""
        return self.offsets.diff()

    def batch(self, rows: Tensor, starts: Tensor, sizes: Tensor) -> Batch:
        """Windows of subjects.

        Args:
            rows: Which subjects; one may be there several times.
            starts: The event that each window begins with.
            sizes: How many events it holds.
        """
        ends = sizes.cumsum(0)
        subject_E = torch.repeat_interleave(sizes)
        place_E = torch.arange(len(subject_E), device=self.device) - (ends - sizes)[subject_E]
        index_E = starts[subject_E] + place_E
        total, context = self.lengths[rows], self.context.of(rows)
        return Batch(
            context.codes_SC.long(),
            self.length_SL[rows].long(),
            self.events_EK[self.offsets[rows][subject_E] + index_E].long(),
            subject_E,
            index_E,
            total[subject_E],
            place_E == 0,
            tuple(part for each in context.lists for part in (each.codes_MK.long(), each.offsets)),
        )
