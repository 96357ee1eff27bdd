"""The loop: its limits, when it stops and why, and what is left afterwards."""

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.domain import TrainingStoppedError
from synth_engine.training import Limits, Schedule, loop
from tests.training.helpers import Clock, Run, ScriptedTask

NAN, INF = math.nan, math.inf
NO_HURRY = 1e9


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def limits(epochs: float, *, seconds=NO_HURRY) -> Limits:
    return Limits(epochs, seconds)


# --- epochs and batches -----------------------------------------------------------------------------------------------
@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 3), st.integers(0, 4).map(lambda n: n / 2))
def test_an_epoch_shows_each_row_at_most_once(n_training, batch_size, accumulation, epochs):
    run = Run(ScriptedTask(n_training), limits(epochs), batch_size=batch_size, accumulation=accumulation)
    per_step = batch_size * accumulation
    per_epoch = max(1, n_training // per_step)
    assert run.outcome.steps == len(run.rates) == math.ceil(epochs * per_epoch)
    for step, micro_batches in enumerate(run.stepper.rows):
        assert 1 <= len(micro_batches) <= accumulation
        assert all(1 <= len(rows) <= batch_size for rows in micro_batches)
        assert sum(map(len, micro_batches)) == min(per_step, n_training), step
    for start in range(0, len(run.rates), per_epoch):
        seen = torch.cat([rows for step in run.stepper.rows[start : start + per_epoch] for rows in step])
        assert len(seen.unique()) == len(seen)
        assert seen.min() >= 0
        assert seen.max() < n_training
    if run.history.records:
        assert run.history.records[-1].samples == sum(len(rows) for step in run.stepper.rows for rows in step)


def test_every_row_has_its_turn_in_the_long_run():
    """25 rows in steps of 10: each epoch leaves 5 out. A row is missed by 60 epochs with a probability of 1e-42."""
    run = Run(ScriptedTask(25), limits(60))
    assert len(torch.cat([rows for step in run.stepper.rows for rows in step]).unique()) == 25


def test_every_epoch_has_an_order_of_its_own():
    run = Run(ScriptedTask(40), limits(3), batch_size=40)
    first, second, third = (step[0].tolist() for step in run.stepper.rows)
    assert first != second != third


@pytest.mark.parametrize(
    ("epochs", "steps"), [(0, 0), (0.01, 1), (0.1, 1), (0.15, 2), (1, 10), (1.1, 11), (2.3, 23), (2.31, 24)]
)
def test_fractions_of_epochs(epochs, steps):
    run = Run(ScriptedTask(100), limits(epochs))
    assert run.outcome.steps == steps
    assert run.outcome.epochs == pytest.approx(steps / 10)
    assert run.outcome.reason == "all epochs are done"
    assert len(run.history.records) == math.ceil(steps / 10)


@pytest.mark.parametrize(("n_training", "epochs"), [(0, 3), (0, 0), (7, 0)])
def test_nothing_to_do_leaves_the_network_untrained(n_training, epochs):
    task = ScriptedTask(n_training)
    before = task.network.weight.item()
    run = Run(task, limits(epochs))
    assert run.outcome.steps == run.outcome.epochs == 0
    assert run.outcome.best_loss is None
    assert run.history.records == []
    assert run.best.weight.item() == task.network.weight.item() == before


@pytest.mark.parametrize("n_training", [1, 2, 9])
def test_fewer_rows_than_a_batch_are_one_step(n_training):
    run = Run(ScriptedTask(n_training), limits(3))
    assert [len(rows) for step in run.stepper.rows for rows in step] == [n_training] * 3


# --- the schedule within the limits -----------------------------------------------------------------------------------
@pytest.mark.parametrize("epochs", [0.5, 1, 3, 10, 33])
@pytest.mark.parametrize("warmup", [1, 50])
def test_the_last_epoch_ends_the_cooldown(epochs, warmup):
    schedule = Schedule(1.0, warmup_steps=warmup, patience=10**9)
    run = Run(ScriptedTask(100), limits(epochs), schedule=schedule)
    n = run.outcome.steps
    assert schedule.cooldown_to == n
    share = (n - schedule.cooldown_from) / schedule.cooldown_from
    assert share <= 0.4 + 1 / schedule.cooldown_from
    falling = run.rates[max(schedule.cooldown_from, warmup) :]
    assert falling == sorted(falling, reverse=True)
    assert run.rates[-1] <= 1.01 / (n - schedule.cooldown_from)


def test_patience_ends_it_early_and_with_a_cooldown():
    schedule = Schedule(1.0, warmup_steps=1, patience=2)
    run = Run(ScriptedTask(100, [3, 2, 1, 1, 1]), limits(1000), schedule=schedule)
    assert run.outcome.reason == "the validation loss no longer improved"
    assert (schedule.cooldown_from, run.outcome.steps) == (50, 70)
    assert run.rates[:51] == [1.0] * 51
    assert run.rates[50:] == pytest.approx([1 - i / 20 for i in range(20)])
    assert [record.epoch for record in run.history.records] == [1, 2, 3, 4, 5, 6, 7]
    assert run.outcome.best_loss == 1


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12), st.integers(1, 12), st.integers(1, 60))
def test_no_script_of_losses_breaks_the_limits(losses, epochs, n_training):
    schedule = Schedule(1.0, warmup_steps=1, patience=2)
    run = Run(ScriptedTask(n_training, losses), limits(epochs), batch_size=5, schedule=schedule)
    assert 0 < run.outcome.epochs <= epochs
    start = run.outcome.steps if schedule.cooldown_from is None else schedule.cooldown_from
    assert run.outcome.steps == 1 or start < run.outcome.steps  # a single step leaves no room to cool down
    assert set(run.rates[:start]) <= {1.0}
    assert run.rates[start:] == sorted(run.rates[start:], reverse=True)
    assert run.outcome.best_loss == min(record.val_loss for record in run.history.records)


def test_weight_decay_follows_the_schedule():
    schedule = Schedule(1.0, weight_decay=0.5, decay_ramp_steps=20)
    run = Run(ScriptedTask(100), limits(3), schedule=schedule)
    assert run.stepper.decays == pytest.approx([0.5 * min(1, step / 20) for step in range(30)])


# --- time -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seconds", [20, 50, 333])
def test_the_time_is_kept_and_used_for_a_cooldown(clock, seconds):
    run = Run(ScriptedTask(1000), limits(1000, seconds=seconds), on_step=lambda: advance(clock, 0.1))
    assert run.outcome.reason == "the time is up"
    assert 0.9 * seconds <= run.outcome.seconds <= seconds + 0.11
    start = run.schedule.cooldown_from
    assert (run.outcome.steps - start) / start == pytest.approx(0.4, abs=0.02)
    assert run.rates[-1] <= 1.5 / (run.outcome.steps - start)


def test_a_slow_validation_counts_too(clock):
    class SlowTask(ScriptedTask):
        def validation_loss(self, network):
            advance(clock, 5)
            return super().validation_loss(network)

    run = Run(SlowTask(100), limits(1000, seconds=100), on_step=lambda: advance(clock, 0.5))
    assert run.outcome.reason == "the time is up"
    assert run.outcome.seconds <= 100 + 5.5  # a step, and the validation after it
    assert run.rates[-1] < 0.3


def test_a_machine_that_becomes_slower_is_stopped_all_the_same(clock):
    run = Run(ScriptedTask(1000), limits(1000, seconds=50), on_step=lambda: advance(clock, 0.1 * (clock.now - 999)))
    assert run.outcome.reason == "the time is up"
    assert run.outcome.seconds < 60


def test_no_time_is_no_training(clock):
    run = Run(ScriptedTask(100), limits(5, seconds=0))
    assert run.outcome.steps == 0
    assert run.outcome.reason == "the time is up"


def test_a_clock_that_stands_still_does_no_harm(clock):
    run = Run(ScriptedTask(100), limits(3, seconds=1))
    assert run.outcome.reason == "all epochs are done"
    assert run.outcome.seconds == 0


def advance(clock: Clock, seconds: float) -> None:
    clock.now += seconds


# --- what is kept -----------------------------------------------------------------------------------------------------
def test_the_best_weights_are_kept():
    """The weight is the number of steps: 10, 20, … at the end of the epochs."""
    run = Run(ScriptedTask(100, [3, 1, 2, 1, 0.5, 0.7]), limits(6), average_decay=0.0)
    assert run.best.weight.item() == 50
    assert [record.is_checkpoint for record in run.history.records] == [True, True, False, False, True, False]
    assert run.outcome.best_loss == 0.5
    assert run.task.network.weight.item() == 60


def test_without_validation_the_training_loss_decides():
    run = Run(ScriptedTask(100, n_validation=0), limits(3), losses=lambda step: [0.0, 3.0, 1.0, 2.0][-(-step // 10)])
    assert [record.val_loss for record in run.history.records] == [None] * 3
    assert [record.trn_loss for record in run.history.records] == [3, 1, 2]
    assert run.best.weight.item() == 20
    assert run.outcome.best_loss == 1


def test_the_history_tells_of_every_epoch(clock):
    run = Run(ScriptedTask(100, [3, 2]), limits(2.5), losses=float, on_step=lambda: advance(clock, 1))
    records = run.history.records
    assert [record.epoch for record in records] == [1, 2, 2.5]
    assert [record.steps for record in records] == [10, 20, 25]
    assert [record.samples for record in records] == [100, 200, 250]
    assert [record.trn_loss for record in records] == [5.5, 15.5, 23]
    assert [record.val_loss for record in records] == [3, 2, 2]
    assert [record.total_time for record in records] == [10, 20, 25]
    assert [record.learn_rate for record in records] == [run.rates[9], run.rates[19], run.rates[24]]


# --- divergence -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_loss_that_is_not_finite_from_the_start_is_an_error(bad):
    with pytest.raises(TrainingStoppedError, match=r"no longer finite in epoch 1.*smaller batch_size"):
        Run(ScriptedTask(100), limits(3), losses=lambda step: bad)
    with pytest.raises(TrainingStoppedError, match="epoch 1"):
        Run(ScriptedTask(100, [bad]), limits(3))


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_loss_that_is_not_finite_later_keeps_the_best(bad):
    in_training = Run(ScriptedTask(100, [3, 2, 1]), limits(9), losses=lambda step: bad if step == 25 else 1.0)
    in_validation = Run(ScriptedTask(100, [3, 2, bad, 1]), limits(9))
    for run in (in_training, in_validation):
        assert "no longer finite" in run.outcome.reason
        assert run.outcome.steps == 30
        assert run.best.weight.item() == 20
        assert len(run.history.records) == 2


# --- the caller -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("epoch", [1, 3])
def test_the_caller_may_stop_it(epoch):
    def callback(message, **_):
        return {"stopExecution": message.get("epoch") == epoch}

    run = Run(ScriptedTask(100, [5, 4, 3, 2, 1]), limits(5), callback=callback)
    assert run.outcome.reason == "the caller asked for it"
    assert run.outcome.epochs == epoch
    assert run.best.weight.item() == 10 * epoch


def test_the_caller_is_told_of_every_epoch(clock):
    calls = []
    schedule = Schedule(1.0, warmup_steps=1, patience=1)
    Run(
        ScriptedTask(100, [2, 1, 1]),
        limits(8),
        schedule=schedule,
        on_step=lambda: advance(clock, 0.05),
        callback=lambda **facts: calls.append(facts),
    )
    assert [call["completed"] for call in calls] == pytest.approx([0, 1, 2, 3, 4, 4.2])
    assert [call["total"] for call in calls] == pytest.approx([8, 8, 8, 4.2, 4.2, 4.2])
    last = calls[-1]["message"]
    assert last["samples_per_second"] == 200
    assert last["epoch"] == 4.2
    assert last["total_time"] == pytest.approx(2.1)


def test_the_caller_hears_of_long_epochs_now_and_then(clock):
    calls = []
    Run(
        ScriptedTask(100),
        limits(2),
        on_step=lambda: advance(clock, 0.4),
        callback=lambda **facts: calls.append(facts),
    )
    # three steps take longer than a second
    assert [call["completed"] for call in calls] == pytest.approx([0, 0.3, 0.6, 0.9, 1, 1.3, 1.6, 1.9, 2])
    assert sum(call["advance"] for call in calls) == pytest.approx(2)
    inside = [call["message"] for call in calls if call["completed"] % 1]
    assert all("val_loss" not in facts and "trn_loss" not in facts for facts in inside)
    assert [facts["steps"] for facts in inside] == [3, 6, 9, 13, 16, 19]
    assert {facts["samples_per_second"] for facts in inside} == {25}


def test_the_caller_may_stop_inside_an_epoch(clock):
    run = Run(
        ScriptedTask(100),
        limits(5),
        on_step=lambda: advance(clock, 0.5),
        callback=lambda completed, **_: {"stopExecution": completed > 1},
    )
    assert run.outcome.reason == "the caller asked for it"
    assert run.outcome.steps == 12
    assert [record.epoch for record in run.history.records] == [1, 1.2]


# --- randomness -------------------------------------------------------------------------------------------------------
def test_the_order_of_rows_follows_the_generator():
    one, same, other = (
        [rows.tolist() for step in Run(ScriptedTask(50), limits(2), seed=seed).stepper.rows for rows in step]
        for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other
