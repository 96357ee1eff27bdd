"""The fast report puts spoiled rows in the order of `mostlyai-qa`, which takes a hundred times as long."""

import pytest

from benchmarks.degraded import degraded
from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")  # of the libraries that mostlyai-qa uses
def test_ranks_are_those_of_the_slow_report(shared_data, monkeypatch):
    pytest.importorskip("mostlyai.qa")
    from benchmarks import evaluation

    monkeypatch.chdir(ROOT)
    training, holdout, good = evaluation.thirds(2_000)
    scores = {}
    for name in ("nothing", "half of the columns shuffled", "a third of cells swapped", "2 categories", "noise of 2"):
        rows = degraded(good, name)
        scores[name] = {
            "ours": evaluation.our_scores(training, holdout, rows),
            "qa": evaluation.qa_scores(training, holdout, rows),
        }
    assert evaluation.rank_correlation(scores, "overall") >= 0.9
    assert all(abs(each["ours"]["overall_max"] - each["qa"]["overall_max"]) < 0.02 for each in scores.values())
