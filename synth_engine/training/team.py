"""Several processes that train one model together, each with a share of every step's micro-batches.

Belongs here: who has which share, and how what they found is put together. Does not belong here: what is computed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from synth_engine.parallel import launched

Item = TypeVar("Item")


class Team(Protocol):
    """The processes of a training.

    Attributes:
        rank: Number of this one; 0 is the one that writes files and decides.
        size: How many there are.
    """

    @property
    def rank(self) -> int:
        """Number of this process."""
        ...

    @property
    def size(self) -> int:
        """Number of processes."""
        ...

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        ...

    def decided(self, value: float) -> float:
        """The value that process 0 has."""
        ...


class Alone:
    """A single process."""

    rank, size = 0, 1

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """The sums over one process are its own."""

    def decided(self, value: float) -> float:
        """The value itself."""
        return value


class ProcessGroup:
    """The processes of a `torch.distributed` group that was set up before.

    Guarantees: after `add_up` and `decided` all processes hold the same bits.
    """

    def __init__(self) -> None:
        self.rank, self.size = torch.distributed.get_rank(), torch.distributed.get_world_size()

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """One message for all tensors, as many small ones would take longer."""
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def decided(self, value: float) -> float:
        """The value of process 0."""
        on_gpu = torch.distributed.get_backend() == "nccl"
        shared = torch.tensor(value, dtype=torch.float64, device="cuda" if on_gpu else "cpu")
        torch.distributed.broadcast(shared, 0)
        return shared.item()


def share(items: Sequence[Item], team: Team) -> list[tuple[int, Item]]:
    """What this process has to do: every `size`-th item, with its number."""
    return list(enumerate(items))[team.rank :: team.size]


def decided_bytes(data: bytes, team: Team) -> bytes:
    """The bytes that process 0 has, of which all have as many."""
    if team.size == 1:
        return data
    return bytes(int(team.decided(byte)) for byte in data)


@contextmanager
def joined(device: torch.device) -> Iterator[Team]:
    """The team that this process belongs to: by the variables that ``torchrun`` and ``accelerate launch`` set."""
    if launched()[1] <= 1:
        yield Alone()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    begun = not torch.distributed.is_initialized()
    if begun:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield ProcessGroup()
    finally:
        if begun:
            torch.distributed.destroy_process_group()
