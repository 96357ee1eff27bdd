"""Progress: which reports become observations, and that a wish to stop gets through."""

from synth_pipeline.progress import EpochReports, both


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_one_report_per_epoch_and_not_too_often():
    clock, seen = Clock(), []
    reports = EpochReports(seen.append, seconds=2, clock=clock)
    for epoch in (1, 1, 2, 3, 4):
        reports(
            total=9, completed=epoch, message={"stage": "train", "epoch": epoch, "trn_loss": 1.0, "total_time": 1.0}
        )
        clock.now += 1
    assert [facts["epoch"] for facts in seen] == [1, 2, 4]


def test_facts_that_are_missing_are_left_out():
    seen = []
    EpochReports(seen.append)(
        message={"epoch": 1.0, "trn_loss": 1.0, "val_loss": None, "total_time": 1.0, "stage": "train", "unit": "epochs"}
    )
    assert seen == [{"epoch": 1.0, "trn_loss": 1.0}]


def test_other_stages_are_ignored():
    seen = []
    reports = EpochReports(seen.append)
    reports()
    reports(total=3, completed=1, message={"stage": "analyze", "column": "x"})
    assert seen == []


def test_both_are_called_and_either_may_stop():
    calls = []
    combined = both(lambda **facts: calls.append(facts), lambda **facts: {"stopExecution": True})
    assert combined(completed=1) == {"stopExecution": True}
    assert calls == [{"completed": 1}]


def test_one_alone_stays_itself():
    def one(**facts):
        return None

    assert both(one, None) is one
    assert both(None, one) is one
    assert both(None, None) is None
