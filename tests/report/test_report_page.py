"""The report's files: complete in themselves, without a real value, readable by people and by programs."""

import json
import re
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from finished import finished, put

from synth_engine.domain import ArtefactError
from synth_engine.report import Report, current_report, judge, make_report, read_report, render, write_report
from synth_engine.report.samples import read_samples
from synth_engine.workspace import Artefact, Workspace

sys.path.append(str(Path(__file__).parent.parent / "evaluation"))
from populations import people

HOSTILE = '<script>alert("x")</script> & \'"`{{ 7*7 }}'
SECRETS = ["Ignaz Quittenbaum", "Zerlina Ohnesorg"]


def with_secrets(n: int, seed: int) -> pa.Table:
    table = people(n, seed)
    names = [SECRETS[place % 2] if place % 3 else f"Nobody {place}" for place in range(n)]
    return table.append_column(HOSTILE, pa.array(names)).append_column(
        "account", pa.array([987_654_321_000 + i for i in range(n)])
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = finished(tmp_path_factory.mktemp("page") / "näme <b>", with_secrets(400, 1), with_secrets(200, 2))
    make_report(made.root)
    return made


@pytest.fixture(scope="module")
def page(workspace) -> str:
    return (workspace.folder(Artefact.REPORT) / "report.html").read_text(encoding="utf-8")


def test_what_is_written_can_be_read(workspace):
    report = read_report(workspace.root)
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert json.loads((workspace.folder(Artefact.REPORT) / "report.json").read_text())["name"] == "näme <b>"
    assert current_report(workspace.root) == report


def test_no_value_of_the_table_is_in_it(workspace, page):
    text = page + (workspace.folder(Artefact.REPORT) / "report.json").read_text(encoding="utf-8")
    for secret in (*SECRETS, "Quittenbaum", "Nobody", "987654321", "town 1", "job 1"):
        assert secret not in text
    assert "owes" in text


def test_names_are_escaped(page):
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert "näme &lt;b&gt;" in page


def test_nothing_is_loaded(page):
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)|@import|url\(|<link|<iframe|<img""", page)


def test_a_report_of_other_rows_is_not_current(workspace, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(str(workspace.root), copy)
    report = read_report(copy)
    put(Workspace(copy), with_secrets(200, 3))
    assert current_report(copy) is None
    with pytest.raises(ArtefactError, match="measure again"):
        write_report(report, copy)
    assert read_report(copy) == report  # what was there stays


def test_a_damaged_report_says_so(workspace, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(str(workspace.root), copy)
    path = copy / "QualityReport" / "report.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(ArtefactError, match=r"report\.json"):
        read_report(copy)


def test_without_a_stage_it_says_which(tmp_path):
    with pytest.raises(ArtefactError, match="run split first"):
        make_report(tmp_path)


def test_events(tmp_path):
    """Subjects with events, as many as there are; all are attacked as one row each."""
    table = people(600, 1)
    owners = pa.array([f"p{place // 3}" for place in range(600)])
    new = pa.array([f"n{place // 3}" for place in range(300)])
    workspace = finished(
        tmp_path,
        table.append_column("person", owners),
        people(300, 2).append_column("person", new),
        tgt_context_key="person",
    )
    report = make_report(workspace.root)
    assert report.privacy.unit == "subject"
    assert report.tables.subjects.synthetic == 100
    assert report.fidelity.sequences is not None
    assert "Mean number of events" in render(report, judge(report))


def test_in_a_browser(workspace, page, tmp_path):
    """No wider than a phone, nothing asked of the network, no error."""
    from benchmarks.pipeline_server import CHROMIUM

    playwright = pytest.importorskip("playwright.sync_api")
    assert CHROMIUM, "expected a Chromium; .ci/run installs one"
    asked, errors = [], []
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            tab = browser.new_page(viewport={"width": 360, "height": 780}, color_scheme=scheme)
            tab.on("request", lambda request: asked.append(request.url))
            tab.on("console", lambda message: errors.append(message.text))
            tab.on("pageerror", lambda error: errors.append(str(error)))
            tab.goto((tmp_path / "report.html").as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") <= 360
            assert tab.locator("h2").count() >= 6
            assert tab.locator("#verdict").is_visible()
        assert len(tab.pdf(format="A4")) > 10_000
        browser.close()
    assert all(url.startswith("file:") for url in asked)
    assert not errors


def test_no_subject_is_cut_in_two(tmp_path):
    """Of more rows than are read at most the first whole subjects are taken."""
    table = people(600, 1)
    owners = pa.array([f"p{place // 3}" for place in range(600)])
    workspace = finished(tmp_path, table.append_column("person", owners), tgt_context_key="person")
    samples = read_samples(workspace, max_cells=8 * 100)
    assert 96 <= samples.training.num_rows <= 100
    assert samples.training.num_rows == 3 * len(samples.training["person"].unique())
    assert "were read" in " ".join(samples.notes)
