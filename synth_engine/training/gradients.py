"""How a micro-batch comes to its gradients: operation by operation, or by replaying what was recorded once.

A step of a small network is hundreds of operations of a few microseconds each; a GPU waits for most of them to be
launched. Recorded as a CUDA graph they are launched as one. Why not by PyTorch's compiler: docs/decisions/021.

Belongs here: what is run, and the one place that chooses by device. Does not belong here: what is random (`Losses.draw`
draws it beforehand), what becomes of the gradients (`steppers`).
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from synth_engine.nn.threads import map_in_threads

# Before it is recorded, work has to run a few times: libraries set themselves up in the first ones.
WARM_UP = 3
# Each shape of batch takes memory of its own. A training has two at most; if there are more, they vary without end.
MOST_SHAPES = 8

Drawn = tuple[Tensor, ...]
Work = Callable[[], list[Tensor]]
Recorder = Callable[[Work, torch.device], tuple[list[Tensor], Callable[[], None]]]


class Losses(Protocol):
    """The losses of records, in nats, with gradients: first all that is random is drawn, then they are computed."""

    def draw(self, rows: Tensor, generator: torch.Generator) -> Drawn:
        """All that the losses of the records with these indices follow from, beside the weights.

        Shapes follow from the number of records. Everything is on the device, and nobody else holds it.
        """
        ...

    def losses(self, network: nn.Module, drawn: Drawn) -> Tensor:
        """Loss (B,) of each record: operations on tensors of fixed shapes, no chance, no look at a value."""
        ...


class Gradients(Protocol):
    """Computes gradients of micro-batches."""

    def add(self, drawn: Drawn, total: int) -> Tensor:
        """Add the gradients of the sum of losses, divided by `total`, to those that the parameters have.

        Returns:
            That sum, divided, detached and still on its device.
        """
        ...


class EagerGradients:
    """Runs one operation after the other."""

    def __init__(self, network: nn.Module, losses: Losses) -> None:
        self._network, self._losses = network, losses

    def add(self, drawn: Drawn, total: int) -> Tensor:
        """By a backward pass."""
        loss = self._losses.losses(self._network, drawn).sum() / total
        if loss.requires_grad:  # not where there is nothing to learn from, as of subjects without events
            loss.backward()
        return loss.detach()


class PartedLosses(Protocol):
    """Losses that fall into parts."""

    def parts(self, drawn: Drawn) -> list[Drawn]:
        """What each part follows from. How many there are does not depend on how many threads there are."""
        ...

    def losses_of_part(self, network: nn.Module, drawn: Drawn) -> Tensor:
        """Loss of each of the records of a part."""
        ...


class SideBySideGradients:
    """Runs the parts of a micro-batch in threads, one operation after the other in each.

    A small network's operations are too short to be spread over cores one by one; see `synth_engine.nn.threads`.
    Gradients are added up in the order of the parts, so that they do not depend on the number of threads.

    Twin: `EagerGradients`.
    """

    def __init__(self, network: nn.Module, losses: PartedLosses) -> None:
        self._network, self._losses = network, losses
        self._parameters = list(network.parameters())

    def add(self, drawn: Drawn, total: int) -> Tensor:
        """By a backward pass for each part."""
        results = map_in_threads(lambda part: self._of_part(part, total), self._losses.parts(drawn))
        for _, gradients in results:
            for parameter, gradient in zip(self._parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
        return torch.stack([loss for loss, _ in results]).sum()

    def _of_part(self, drawn: Drawn, total: int) -> tuple[Tensor, Sequence[Tensor | None]]:
        loss = self._losses.losses_of_part(self._network, drawn).sum() / total
        if not loss.requires_grad:  # not where there is nothing to learn from, as of subjects without events
            return loss, [None] * len(self._parameters)
        return loss.detach(), torch.autograd.grad(loss, self._parameters, allow_unused=True)


@dataclass(frozen=True)
class _Recording:
    """Work on inputs that stay where they are; `results` are overwritten by every replay."""

    inputs: Drawn
    results: list[Tensor]
    replay: Callable[[], None]


class RecordedGradients:
    """Records the work on the first batch of each shape, and replays it on the others.

    Twin: `EagerGradients`.

    Guarantees:
        - nothing that is given out is overwritten later. PyTorch's own two ways to record training steps both fail
          there when gradients are accumulated (its issues 169545 and 181723);
        - where recording fails there is one warning, and training goes on operation by operation. Errors of the work
          itself are raised, as it runs once before.

    Args:
        network: What gradients are of. Its parameters stay where they are.
        losses: Its losses.
        record: Runs work on a device, and returns its results and what does it again, into the same results; None
            makes CUDA graphs.
    """

    def __init__(self, network: nn.Module, losses: Losses, record: Recorder | None = None) -> None:
        self._network, self._losses = network, losses
        self._record: Recorder = record or record_cuda_graph
        self._parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._eager = EagerGradients(network, losses)
        self._recordings: dict[tuple[object, ...], _Recording] = {}
        self._is_possible = True

    def add(self, drawn: Drawn, total: int) -> Tensor:
        """By a replay, if there is or can be a recording for these shapes."""
        recording = self._recording(drawn, total)
        if recording is None:
            return self._eager.add(drawn, total)
        for mine, new in zip(recording.inputs, drawn, strict=True):
            mine.copy_(new)
        recording.replay()
        loss, *gradients = recording.results
        self._add_to_parameters(gradients)
        return loss.clone()

    def _recording(self, drawn: Drawn, total: int) -> _Recording | None:
        shapes = (total, *(part.shape for part in drawn))
        if shapes not in self._recordings and self._is_possible and len(self._recordings) < MOST_SHAPES:
            inputs = tuple(part.clone() for part in drawn)
            try:
                recorded = self._record(lambda: self._work(inputs, total), self._parameters[0].device)
                self._recordings[shapes] = _Recording(inputs, *recorded)
            except RecordingError as error:
                self._is_possible = False
                warnings.warn(f"training goes on without CUDA graphs, more slowly: {error}", stacklevel=2)
        return self._recordings.get(shapes)

    def _work(self, inputs: Drawn, total: int) -> list[Tensor]:
        loss = self._losses.losses(self._network, inputs).sum() / total
        return [loss.detach(), *torch.autograd.grad(loss, self._parameters)]

    def _add_to_parameters(self, gradients: list[Tensor]) -> None:
        present = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        if present:
            torch._foreach_add_(present, gradients)
            return
        # In memory as the parameters are, not as the gradients came out: fused optimisers go by memory.
        kept = [torch.empty_like(parameter) for parameter in self._parameters]
        torch._foreach_copy_(kept, gradients)
        for parameter, gradient in zip(self._parameters, kept, strict=True):
            parameter.grad = gradient


class RecordingError(Exception):
    """Work that runs cannot be recorded."""


def gradients_for(network: nn.Module, losses: Losses) -> Gradients:
    """What suits the device that the network is on."""
    on_gpu = next(network.parameters()).device.type == "cuda"
    return RecordedGradients(network, losses) if on_gpu else EagerGradients(network, losses)


def record_cuda_graph(work: Work, device: torch.device) -> tuple[list[Tensor], Callable[[], None]]:
    """Record work on a GPU, after PyTorch's notes on CUDA semantics ("whole-network capture").

    Raises:
        RecordingError: some operation cannot be recorded, or memory is short.
    """
    # One stream for warming up and recording: libraries set themselves up for each.
    stream, graph = torch.cuda.Stream(device), torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream(device).wait_stream(stream)
    try:
        # The stream is entered here as well, as `graph` does not leave it where recording fails. Only this thread is
        # watched for what cannot be recorded: others look after a process group.
        with torch.cuda.stream(stream), torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            results = work()
    except RuntimeError as error:
        cause = error.__context__ or error  # the former: that of the operation, the latter: that the recording is lost
        raise RecordingError(str(cause).partition("\n")[0]) from error
    return results, graph.replay
