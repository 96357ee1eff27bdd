"""The gate: what was copied is refused, what is as good as real passes, whatever the table."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest
from finished import finished, put

from synth_engine import analyze, encode, generate, split, train
from synth_engine.report import Check, Limits, Report, judge, make_report, measure_report
from synth_engine.report.gate import Verdict
from synth_engine.summary import synthetic_table

sys.path.append(str(Path(__file__).parent.parent / "evaluation"))
from populations import people

N = 800
LEAKS = {Check.MATCHES, Check.CLOSENESS, Check.MEMBERSHIP, Check.SINGLING_OUT, Check.LINKABILITY}


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[float, Report]:
    """By the share of rows that were copied from the training rows."""
    folder = tmp_path_factory.mktemp("reports")
    workspace = finished(folder, people(2 * N, seed=1))
    copies = synthetic_table(str(folder))
    fresh = people(N, seed=2)
    found = {}
    for share in (0.0, 0.1, 0.3, 1.0):
        n = round(share * N)
        put(workspace, pa.concat_tables([copies.slice(0, n), fresh.slice(n)]))
        found[share] = measure_report(folder)[0]
    return found


def failed(verdict: Verdict) -> set[Check]:
    return {finding.check for finding in verdict.findings if not finding.passed}


def test_new_people_pass(reports):
    """Of the privacy checks each fails by chance for less than one seed in forty; with this seed none does."""
    verdict = judge(reports[0.0])
    assert verdict.passed
    assert not failed(verdict)


def test_a_generator_that_returns_training_rows_is_refused(reports):
    verdict = judge(reports[1.0])
    assert not verdict.passed
    assert failed(verdict) >= LEAKS
    assert all(finding.says.endswith(".") for finding in verdict.findings)


def test_the_more_is_copied_the_more_checks_refuse_it(reports):
    counts = [len(judge(report).blocking) for report in reports.values()]
    assert counts == sorted(counts)
    assert counts[1] >= 1


def test_severities(reports):
    lenient = Limits(severities=dict.fromkeys(Check, "warn"))
    assert judge(reports[1.0], lenient).passed
    assert len(judge(reports[1.0], lenient).warnings) == len(failed(judge(reports[1.0])))
    ignored = Limits(severities={Check.MATCHES: "ignore"})
    assert Check.MATCHES not in {finding.check for finding in judge(reports[1.0], ignored).findings}
    strict = Limits(accuracy_margin=0.0, severities={Check.ACCURACY: "block"})
    assert {finding.check for finding in judge(reports[0.0], strict).blocking} <= {Check.ACCURACY}


def test_limits_are_limits(reports):
    """At the figure itself a check passes, below it fails."""
    share = reports[0.3].privacy.closeness.share_closer_to_training.lower
    assert share > 0.5
    assert Check.CLOSENESS not in failed(judge(reports[0.3], Limits(closeness=share)))
    assert Check.CLOSENESS in failed(judge(reports[0.3], Limits(closeness=share - 1e-6)))


def test_what_was_not_measured_counts_as_failed(tmp_path):
    workspace = finished(tmp_path, people(12, seed=1), people(6, seed=2))
    verdict = judge(measure_report(workspace.root)[0])
    assert Check.MEMBERSHIP in {finding.check for finding in verdict.blocking}
    assert all("more rows" in finding.says for finding in verdict.findings if finding.measured == "not measured")


def test_no_synthetic_row_and_no_held_out_row(tmp_path):
    table = people(60, seed=1)
    workspace = finished(tmp_path, table, table.slice(0, 0))
    report = measure_report(workspace.root)[0]
    assert "no synthetic row" in report.fidelity.not_measured
    assert not judge(report).passed


def test_another_schema_is_refused(tmp_path):
    table = people(60, seed=1)
    workspace = finished(tmp_path, table, table.slice(0, 30).drop_columns(["age"]))
    report = measure_report(workspace.root)[0]
    assert report.schema_problems == ["column 'age' is missing"]
    assert Check.SCHEMA in {finding.check for finding in judge(report).blocking}
    put(workspace, table.slice(0, 30).cast(table.schema.set(1, pa.field("income", pa.float32()))))
    assert "float" in measure_report(workspace.root)[0].schema_problems[0]


def test_broken_constraints_are_refused(tmp_path):
    rule = {"type": "range", "column": "income", "low": 0, "high": 1}
    workspace = finished(tmp_path, people(120, seed=1), people(60, seed=2), constraints=[rule])
    verdict = judge(make_report(workspace.root))
    finding = next(finding for finding in verdict.findings if finding.check is Check.CONSTRAINTS)
    assert finding.blocks
    assert "60 synthetic rows" in finding.says


def test_budget_and_claim(reports):
    report = reports[1.0]
    no_budget, budget = judge(report), judge(report, Limits(epsilon=3.0))
    assert Check.EPSILON_BUDGET not in failed(no_budget)
    assert Check.EPSILON_BUDGET in failed(budget)  # no bound is not within any budget
    claimed = report.model_copy(
        update={"protection": report.protection.model_copy(update={"epsilon": 0.5, "delta": 1e-5})}
    )
    assert Check.EPSILON_BOUND in failed(judge(claimed))  # what returns its training rows is not 0.5-private
    assert Check.EPSILON_BUDGET not in failed(judge(claimed, Limits(epsilon=0.5)))


@pytest.mark.slow
def test_a_model_that_was_made_to_memorise_is_refused_and_one_that_was_not_passes(tmp_path):
    """A tiny table, no protection; nothing ends a private training early, so many epochs with next to no noise."""
    table = people(800, seed=1)

    def verdict(name: str, **training) -> Verdict:
        place = tmp_path / name
        split(table, workspace_dir=place, random_state=0, trn_val_split=0.5)
        analyze(workspace_dir=place, value_protection=False)
        encode(workspace_dir=place)
        train(workspace_dir=place, random_state=0, **training)
        generate(workspace_dir=place, sample_size=400, random_state=0)
        return judge(make_report(place))

    noiseless = {"noise_multiplier": 1e-6, "max_grad_norm": 100.0}
    memorised = verdict("memorised", differential_privacy=noiseless, max_epochs=150.0)
    assert {finding.check for finding in memorised.blocking} >= {Check.CLOSENESS, Check.MEMBERSHIP}
    assert verdict("usual").passed
