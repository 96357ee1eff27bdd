"""A snapshot forgets nothing: whoever goes on from one ends with the bits of a run that was never interrupted."""

import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import TrainingStoppedError
from synth_engine.domain.progress import Progress
from synth_engine.tabular.sizes import Sizes
from synth_engine.tabular.task import TabularTask
from synth_engine.training import (
    Learner,
    Limits,
    Loop,
    PlainStepper,
    Randomness,
    Schedule,
    ShuffledRows,
    WeightAverage,
)
from synth_engine.training.learner import Snapshot
from synth_engine.training.termination import Termination
from tests.tabular.helpers import new_network
from tests.tabular.known_joint import COLUMNS, draw_rows

TRAINING, VALIDATION = draw_rows(330, 0), draw_rows(80, 1)
EPOCHS = 4.5
STEPS = 23  # of 64 rows, five an epoch


class KeepEvery:
    """Keeps a snapshot of every step, through a file."""

    def __init__(self) -> None:
        self.snapshots: dict[int, Snapshot] = {}

    def is_due(self, *, at_end_of_epoch: bool) -> bool:
        return True

    def save(self, learner: Learner) -> None:
        file = io.BytesIO()
        torch.save(learner.snapshot(), file)
        file.seek(0)
        self.snapshots[learner.counters.step] = torch.load(file, weights_only=True)


def new_learner(seed: int, patience: int = 100) -> tuple[Learner, TabularTask, Randomness]:
    """With dropout, random orders, weight decay and a cool-down: all that could be forgotten."""
    network = new_network(COLUMNS, seed, Sizes(embedding=4, hidden=8, dropout=0.2))
    task = TabularTask(network, TRAINING, VALIDATION, flexible=True)
    randomness = Randomness.of_seed(seed)
    stepper = PlainStepper(network, task, randomness)
    schedule = Schedule(peak=5e-3, warmup_steps=7, decay_ramp_steps=9, patience=patience, min_gain=0.5)
    return Learner(network, stepper, schedule, WeightAverage(network, 0.9)), task, randomness


def loop_for(learner: Learner, task: TabularTask, randomness: Randomness, **parts) -> Loop:
    sampler = ShuffledRows(len(TRAINING), 32, 2, randomness, torch.device("cpu"))
    progress = Progress(parts.pop("callback", None), "train", EPOCHS, "epochs")
    limits = parts.pop("limits", Limits(EPOCHS, 1e9))
    return Loop(learner, sampler, limits, progress, task, **parts)


def everything(learner: Learner) -> Snapshot:
    """A snapshot without what a clock says."""
    snapshot = learner.snapshot()
    snapshot["counters"].pop("seconds")
    for record in snapshot["history"]:
        record.pop("total_time")
    return snapshot


def same(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.fixture(scope="module", params=[100, 2], ids=["to the last epoch", "until it no longer improves"])
def uninterrupted(request) -> tuple[int, Learner, KeepEvery]:
    keeper = KeepEvery()
    learner, *others = new_learner(3, request.param)
    loop_for(learner, *others, keeper=keeper).run()
    return request.param, learner, keeper


def test_snapshots_are_of_every_step(uninterrupted):
    patience, learner, keeper = uninterrupted
    assert list(keeper.snapshots) == list(range(1, learner.counters.step + 1))
    assert (learner.counters.step == STEPS) == (patience == 100)


@settings(max_examples=STEPS)
@given(st.data())
def test_who_goes_on_from_any_step_ends_with_the_same_bits(uninterrupted, data):
    patience, first, keeper = uninterrupted
    step = data.draw(st.sampled_from(sorted(keeper.snapshots)))
    learner, *others = new_learner(3, patience)
    learner.restore(keeper.snapshots[step])
    outcome = loop_for(learner, *others).run()
    assert outcome.steps == first.counters.step
    assert same(everything(learner), everything(first))


def test_other_weights_would_be_told(uninterrupted):
    """Or the test above could not fail: a snapshot that lacks anything at all ends elsewhere."""
    patience, first, keeper = uninterrupted
    untouched = new_learner(3, patience)[0].snapshot()
    for part in ("network", "average", "optimizer", "updates", "schedule", "counters", "history", "losses"):
        learner, *others = new_learner(3, patience)
        learner.restore({**keeper.snapshots[8], part: untouched[part]})
        loop_for(learner, *others).run()
        assert not same(everything(learner), everything(first)), part


def test_a_learner_stopped_by_its_caller_goes_on_exactly(uninterrupted):
    patience, first, _ = uninterrupted
    learner, *others = new_learner(3, patience)
    stops = iter([False] * 2 + [True] * 9)  # after the first epoch
    stopped = loop_for(learner, *others, callback=lambda **_: {"stopExecution": next(stops)})
    assert stopped.run().reason == "the caller asked for it"
    again, *others = new_learner(3, patience)
    again.restore(stopped.end)
    loop_for(again, *others).run()
    assert same(everything(again), everything(first))


def test_a_request_to_end_saves_and_ends(uninterrupted):
    patience, first, _ = uninterrupted
    learner, *others = new_learner(3, patience)
    keeper, termination = KeepEvery(), Termination()
    keeper.is_due = lambda at_end_of_epoch: False

    class Terminating(PlainStepper):
        def step(self, step, *arguments):
            termination.requested = step == 7
            return super().step(step, *arguments)

    learner.stepper = Terminating(learner.network, others[0], others[1])
    with pytest.raises(TrainingStoppedError, match="RESUME"):
        loop_for(learner, *others, keeper=keeper, termination=termination).run()
    assert list(keeper.snapshots) == [8]
    again, *others = new_learner(3, patience)
    again.restore(keeper.snapshots[8])
    loop_for(again, *others).run()
    assert same(everything(again), everything(first))


def test_a_snapshot_is_a_copy():
    learner, *others = new_learner(0)
    before = learner.snapshot()
    kept = learner.snapshot()
    loop_for(learner, *others).run()
    assert same(before, kept)
    assert not same(learner.snapshot(), kept)


def test_time_adds_up_over_the_parts(monkeypatch):
    learner, *others = new_learner(0)
    learner.counters.seconds = 100.0
    outcome = loop_for(learner, *others, limits=Limits(EPOCHS, 100.0)).run()
    assert outcome.steps == 0
    assert outcome.reason == "the time is up"
    assert outcome.seconds >= 100
