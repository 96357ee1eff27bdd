"""Recorded gradients against those of one operation after the other, and what makes it possible to record them.

There is no GPU here. What stands in for a CUDA graph, `run_again`, overwrites its results as a graph does. That losses
are fit to be recorded shows in the operations that they are made of. The graphs themselves: `test_tabular_cuda`.
"""

import copy
import shutil
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from synth_engine.nn.orders import natural_order
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sizes import Sizes
from synth_engine.tabular.task import TabularTask
from synth_engine.training import PlainStepper, Randomness
from synth_engine.training.gradients import (
    MOST_SHAPES,
    EagerGradients,
    Gradients,
    RecordedGradients,
    RecordingError,
    Work,
    gradients_for,
)
from tests.tabular.helpers import MIXED, make_network, random_codes, seeded

DROPPING = Sizes(embedding=3, hidden=6, n_residual=2, dropout=0.3)
# Padded buckets, one column, parts of one column only, a single code; with and without dropout and residual layers.
FAMILY = [
    pytest.param(columns, sizes, flexible, id=f"{columns}, {sizes.n_residual} residual, {flexible=}")
    for columns, sizes, flexible in [
        (MIXED, DROPPING, True),
        (MIXED, Sizes(embedding=1, hidden=2, n_residual=0, dropout=0.0), False),
        ([[2, 40], [3], [41]], Sizes(embedding=2, hidden=5, n_residual=1, dropout=0.5), True),
        ([[2, 3, 4]], DROPPING, True),
        ([[1]], DROPPING, True),
    ]
]
# A step of one micro-batch, of equal ones, with an odd one at the end, of single rows.
SPLITS = [[150], [50, 50, 50], [64, 64, 22], [1, 1]]


def task_of(columns: list[list[int]] = MIXED, sizes: Sizes = DROPPING, *, flexible: bool = True) -> TabularTask:
    codes = random_codes(columns, 150, 0)
    return TabularTask(make_network(columns, 0, sizes), codes.int(), codes[:0], flexible=flexible)


def run_again(work: Work, device: torch.device) -> tuple[list[Tensor], Callable[[], None]]:
    """Does the work into the same tensors each time. Like a CUDA graph it leaves them undefined at first."""
    results = [torch.full_like(result, torch.nan) for result in work()]

    def replay() -> None:
        for mine, new in zip(results, work(), strict=True):
            mine.copy_(new)

    return results, replay


class Counting:
    """Counts recordings."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, work: Work, device: torch.device) -> tuple[list[Tensor], Callable[[], None]]:
        self.n += 1
        return run_again(work, device)


def refuse(work: Work, device: torch.device) -> tuple[list[Tensor], Callable[[], None]]:
    raise RecordingError("operation not permitted when stream is capturing")


def trained(task: TabularTask, gradients: Callable[[TabularNetwork, TabularTask], Gradients], *splits: list[int]):
    """Losses of steps, and the weights after them."""
    network = copy.deepcopy(task.network)
    stepper = PlainStepper(network, task, Randomness.of_seed(1), gradients=gradients(network, task))
    losses = []
    for step, sizes in enumerate(splits):
        rows = torch.randperm(150, generator=seeded(step))[: sum(sizes)]
        losses.append(stepper.step(step, rows.split(sizes), 0.01, 1.0))
    return [*losses, *network.parameters()]


def all_equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(map(torch.equal, one, other))


@pytest.mark.parametrize(("columns", "sizes", "flexible"), FAMILY)
@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_replays_give_the_bits_of_separate_operations(columns, sizes, flexible, split):
    task = task_of(columns, sizes, flexible=flexible)
    recorded = trained(task, lambda *parts: RecordedGradients(*parts, run_again), *[split] * 4)
    assert all_equal(recorded, trained(task, EagerGradients, *[split] * 4))
    assert all(value.isfinite().all() for value in recorded)


def test_a_training_with_steps_of_several_shapes():
    task = task_of()
    recorded = trained(task, lambda *parts: RecordedGradients(*parts, run_again), *SPLITS, *SPLITS)
    assert all_equal(recorded, trained(task, EagerGradients, *SPLITS, *SPLITS))


def test_every_shape_is_recorded_once():
    record = Counting()
    trained(task_of(), lambda *parts: RecordedGradients(*parts, record), *[[64, 64, 22]] * 5)
    assert record.n == 2


def test_nothing_that_is_given_out_is_overwritten():
    """As a replay overwrites its results: two micro-batches would count the second one twice."""
    task = task_of()
    gradients = RecordedGradients(task.network, task, run_again)
    first, second = (task.draw(torch.arange(40), seeded(seed)) for seed in (0, 1))
    loss = gradients.add(first, 40)
    kept = [loss, *(parameter.grad for parameter in task.network.parameters())]
    before = [value.clone() for value in kept]
    task.network.zero_grad()
    gradients.add(second, 40)
    assert all_equal(kept, before)


class Transposed(nn.Module):
    """Its gradient comes out column by column."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 3))

    def draw(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor]:
        return (torch.rand(len(rows), 3, 2, generator=generator),)

    def losses(self, network: nn.Module, drawn: tuple[Tensor]) -> Tensor:
        return (drawn[0] * network.weight.t()).sum((1, 2))


def test_gradients_lie_in_memory_as_their_parameters_do():
    """PyTorch's fused kernels go through both in the order of memory."""
    ends = []
    for record in (None, run_again):
        task = Transposed()
        gradients = EagerGradients(task, task) if record is None else RecordedGradients(task, task, record)
        stepper = PlainStepper(task, task, Randomness.of_seed(0), gradients=gradients)
        for step in range(3):
            stepper.step(step, [torch.arange(1)], 0.1, 0.0)
        ends.append(task.weight)
    assert all_equal(ends[:1], ends[1:])


def test_what_was_drawn_is_not_changed():
    task = task_of()
    drawn = task.draw(torch.arange(40), seeded(0))
    before = [part.clone() for part in drawn]
    gradients = RecordedGradients(task.network, task, run_again)
    for other in (drawn, task.draw(torch.arange(40, 80), seeded(1))):
        gradients.add(other, 40)
    assert all_equal(list(drawn), before)


def test_shapes_that_vary_without_end_are_not_all_recorded():
    task, record = task_of(), Counting()
    splits = [[n] for n in range(30, 30 + 2 * MOST_SHAPES)] * 2
    recorded = trained(task, lambda *parts: RecordedGradients(*parts, record), *splits)
    assert record.n == MOST_SHAPES
    assert all_equal(recorded, trained(task, EagerGradients, *splits))


def test_what_cannot_be_recorded_is_run_with_one_warning():
    task = task_of()
    with pytest.warns(UserWarning, match="without CUDA graphs, more slowly: operation not permitted when") as caught:
        found = trained(task, lambda *parts: RecordedGradients(*parts, refuse), *SPLITS)
    assert len(caught) == 1
    assert all_equal(found, trained(task, EagerGradients, *SPLITS))


@pytest.mark.parametrize("record", [run_again, refuse])
def test_errors_of_the_work_itself_are_raised(record):
    task = task_of()
    codes, *others = task.draw(torch.arange(40), seeded(0))
    gradients = RecordedGradients(task.network, task, record)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(IndexError):
            gradients.add((codes + 1000, *others), 40)


def test_a_cpu_runs_one_operation_after_the_other():
    task = task_of()
    assert isinstance(gradients_for(task.network, task), EagerGradients)


class Compiled:
    """A task whose losses were traced by PyTorch's compiler: as one piece, or not at all."""

    def __init__(self, task: TabularTask, backend: str) -> None:
        self.draw = task.draw
        self.losses = torch.compile(task.losses, fullgraph=True, dynamic=False, backend=backend)


@pytest.fixture
def n_compiled() -> Iterator[Callable[[], int]]:
    """Tells how many pieces PyTorch's compiler has made in this test."""
    from torch._dynamo.utils import counters  # imported here, as it takes a second

    torch.compiler.reset()
    counters.clear()
    yield lambda: counters["stats"]["unique_graphs"]
    torch.compiler.reset()


def test_the_step_is_one_piece_that_depends_on_shapes_alone(n_compiled):
    """Traced as a whole, once for each shape: batches of other values need nothing new."""
    task, splits = task_of([[3], [2, 3]]), [[64, 64, 22]] * 3 + [[1]] * 2
    compiled = trained(task, lambda network, task: EagerGradients(network, Compiled(task, "aot_eager")), *splits)
    assert n_compiled() == 3
    assert all_equal(compiled, trained(task, EagerGradients, *splits))


class Watching(TorchDispatchMode):
    """Notes operations whose results have a size or a number that depends on values, or that draw one."""

    TAGS = frozenset(
        {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape, torch.Tag.nondeterministic_seeded}
    )

    def __init__(self) -> None:
        super().__init__()
        self.all, self.not_static = set(), set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.all.add(str(operation))
        if self.TAGS & set(operation.tags):
            self.not_static.add(str(operation))
        return operation(*args, **kwargs or {})


@pytest.mark.parametrize(("columns", "sizes", "flexible"), FAMILY)
def test_no_operation_looks_at_a_value_or_draws_one(columns, sizes, flexible):
    """That would make the processor wait for a GPU, and cannot be recorded."""
    task = task_of(columns, sizes, flexible=flexible)
    drawn = task.draw(torch.arange(70), seeded(0))
    with Watching() as watching:
        torch.autograd.grad(task.losses(task.network, drawn).sum(), list(task.network.parameters()))
    assert not watching.not_static
    assert "aten.embedding_dense_backward.default" in watching.all  # so backwards is among them


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda values: values[values > 0], "aten.index.Tensor"),
        (lambda values: values.max().item(), "aten._local_scalar_dense.default"),
        (torch.nn.functional.dropout, "aten.bernoulli_.float"),
    ],
    ids=["selection", "number", "chance"],
)
def test_such_an_operation_would_be_noticed(function, found):
    with Watching() as watching:
        function(torch.ones(3))
    assert watching.not_static == {found}


def test_losses_and_gradients_are_made_of_what_is_on_the_device():
    """The device "meta" refuses to compute with a tensor that was left behind on the CPU, or made there."""
    task = task_of()
    network = copy.deepcopy(task.network).to("meta")
    drawn = tuple(part.to("meta") for part in task.draw(torch.arange(70), seeded(0)))
    loss = task.losses(network, drawn).sum()
    assert {gradient.device.type for gradient in torch.autograd.grad(loss, list(network.parameters()))} == {"meta"}
    with pytest.raises(RuntimeError, match="device"):
        task.losses(network, (drawn[0], natural_order(len(MIXED)), *drawn[2:]))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch's compiler needs a C++ compiler")
def test_compiled_kernels_give_nearly_the_same(n_compiled):
    task, splits = task_of(), [[64, 22]] * 3
    compiled = trained(task, lambda network, task: EagerGradients(network, Compiled(task, "inductor")), *splits)
    torch.testing.assert_close(compiled, trained(task, EagerGradients, *splits), rtol=1e-3, atol=1e-4)
    assert n_compiled() == 2
