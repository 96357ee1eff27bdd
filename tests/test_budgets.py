"""What work costs, by counts that are the same on every machine: a step back is seen without a clock.

Counts are compared with `budgets.json`. More than the budget fails: find out why, or raise the budget in the same
commit and say what for. Much less fails too: lower it, so that the gain is not lost unseen. To write what is measured:
`BUDGETS=write python -m pytest tests/test_budgets.py`.
"""

import json
import os
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import synth_engine
from synth_engine import analyze, encode, generate, split, train
from synth_engine.demo import make_shop
from tests.nn.threads import one_thread

__all__ = ["one_thread"]  # a fixture: operations are counted in the thread that asks for them

BUDGETS = Path(__file__).with_name("budgets.json")
ENGINE = str(Path(synth_engine.__file__).parent)
FEW, MANY = 1_000, 4_000
SLACK, GAIN = 1.05, 0.75  # other versions of libraries call a little more or less
VERBS: dict[str, Callable[..., None]] = {"split": split, "analyze": analyze, "encode": encode, "generate": generate}


class Operations(TorchDispatchMode):
    """Counts operations on tensors by name: on a GPU each would be a kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[operation.overloadpacket.__name__] += 1
        return operation(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Trained for one epoch on few rows."""
    root = str(tmp_path_factory.mktemp("budgets") / "ws")
    prepare(root, FEW // 4)
    train(workspace_dir=root, max_epochs=1, random_state=0)
    return root


def prepare(root: str, n_rows: int, before: str | None = None) -> None:
    """Run the stages up to training, or those before one of them."""
    for stage in ("split", "analyze", "encode"):
        if stage == before:
            return
        run(stage, root, n_rows)


def run(stage: str, root: str, n_rows: int) -> None:
    options: dict[str, Any] = {} if stage == "encode" else {"random_state": 0}
    if stage == "split":
        options |= {"tgt_data": make_shop(n_rows, seed=0).customers, "tgt_primary_key": "customer_id"}
    if stage == "generate":
        options["sample_size"] = n_rows
    VERBS[stage](workspace_dir=root, **options)


def compare(name: str, count: float) -> None:
    budgets = json.loads(BUDGETS.read_text(encoding="utf-8"))
    if os.environ.get("BUDGETS") == "write":
        BUDGETS.write_text(json.dumps(budgets | {name: count}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        return
    budget = budgets[name]
    assert count <= SLACK * budget + 0.1, f"{name}: {count:,} where the budget is {budget:,}; see the top of {__file__}"
    assert count >= GAIN * budget - 1, f"{name}: {count:,}, far below the budget of {budget:,}: lower it"


def trained(root: str, epochs: int) -> tuple[int, int, int]:
    """Operations, products of matrices among them, and floating-point operations of a training."""
    with Operations() as seen, FlopCounterMode(display=False) as arithmetic:
        train(workspace_dir=root, max_epochs=epochs, random_state=0)
    products = sum(seen.counts[name] for name in ("mm", "addmm", "bmm", "baddbmm"))
    return sum(seen.counts.values()), products, arithmetic.get_total_flops()


def test_an_epoch_of_training(workspace: str):
    """The third: what is done once in a training is in the first two as well, and drops out."""
    two, three = trained(workspace, 2), trained(workspace, 3)
    for what, less, more in zip(("operations", "products", "floating-point operations"), two, three, strict=True):
        compare(f"training, {what} of an epoch", more - less)


def test_operations_of_drawing_do_not_depend_on_rows(workspace: str):
    with Operations() as few:
        run("generate", workspace, FEW)
    with Operations() as many:
        run("generate", workspace, MANY)
    compare("generate, operations of a shard", sum(few.counts.values()))
    assert sum(many.counts.values()) <= 1.02 * sum(few.counts.values())


@pytest.fixture
def measured(workspace: str, tmp_path: Path) -> Callable[..., list[Any]]:
    """Measures one stage with few and with many rows; it has run once before, so that no import counts."""

    def measure(stage: str, with_: Callable[[Callable[[], None]], Any], sizes: tuple[int, int]) -> list[Any]:
        root, found = workspace if stage == "generate" else str(tmp_path / "ws"), []
        for n_rows in sizes:
            if stage != "generate":
                prepare(root, n_rows, before=stage)
            run(stage, root, n_rows)
            found.append(with_(lambda n_rows=n_rows: run(stage, root, n_rows)))
        return found

    return measure


@pytest.mark.parametrize("stage", list(VERBS))
def test_calls_of_functions(measured: Callable[..., list[int]], stage: str):
    """Python is slow by the call: those of a stage, and those that each row adds."""
    few, many = measured(stage, calls, (FEW, MANY))
    compare(f"{stage}, Python calls for {FEW:,} rows", few)
    compare(f"{stage}, Python calls for a row more", round((many - few) / (MANY - FEW), 2))


def calls(what: Callable[[], None]) -> int:
    """Of functions of the engine: how often the standard library waits for threads depends on what else is at work."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(ENGINE)

    former = sys.getprofile()
    sys.setprofile(profile)
    try:
        what()
    finally:
        sys.setprofile(former)
    return count


@pytest.mark.parametrize("stage", list(VERBS))
def test_bytes_of_a_row(measured: Callable[..., list[tuple[int, int]]], stage: str):
    """Allocated at most at once, by numpy and Python, and by Arrow in all; each by row, from two sizes."""
    few, many = measured(stage, allocated, (FEW, 10 * FEW))
    for what, less, more in zip(("at once", "by Arrow in all"), few, many, strict=True):
        compare(f"{stage}, bytes of a row {what}", round((more - less) / (9 * FEW)))


def allocated(what: Callable[[], None]) -> tuple[int, int]:
    pool = pa.default_memory_pool()
    before = pool.total_bytes_allocated()
    tracemalloc.start()
    try:
        what()
        return tracemalloc.get_traced_memory()[1], pool.total_bytes_allocated() - before
    finally:
        tracemalloc.stop()
