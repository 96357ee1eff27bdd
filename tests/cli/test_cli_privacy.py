"""The command that shows the privacy ledger: all events, totals, and what it says where there are none."""

import re

import pytest
from rich.console import Console

from synth_engine.cli.spending import ledger_table
from synth_engine.workspace import LedgerEntry, Workspace


def entry(epsilon: float | None, delta: float | None, **others: str) -> LedgerEntry:
    values = {"stage": "train", "mechanism": "Gaussian", "purpose": "weights", "data_version": "a"} | others
    return LedgerEntry(**values, epsilon=epsilon, delta=delta)


def shown(width: int, entries: list[LedgerEntry]) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(ledger_table(entries))
    return capture.get()


def test_events_and_their_sum_are_shown(synth, folder):
    assert synth("split", "people.csv", "--primary-key", "key").code == 0
    assert synth("analyze", "--value-protection-epsilon", "30", "--delta", "0.01").code == 0
    result = synth("privacy", "engine-ws")
    assert (result.code, result.err) == (0, "")
    entries = Workspace(folder / "engine-ws").ledger.entries()
    lines = [line for line in result.out.splitlines() if line.startswith("analyze")]
    assert len(lines) == len(entries)
    for line, event in zip(lines, entries, strict=True):
        assert f"{event.epsilon:.4g}" in line
        assert event.purpose in line
    assert "Together, for everybody in the data: epsilon 30, delta 0.005" in result.out


def test_the_default_workspace_is_that_of_all_commands(synth):
    synth("split", "people.csv")
    assert synth("privacy").out == synth("privacy", "engine-ws").out


def test_nothing_spent_is_not_called_private(synth):
    synth("split", "people.csv")
    text = " ".join(synth("privacy").out.split())
    assert "No privacy-spending event is on record." in text
    assert "has no bound: its epsilon is not zero" in text


def test_a_workspace_that_is_not_there_is_an_error(synth):
    result = synth("privacy", "elsewhere")
    assert result.code != 0
    assert "no workspace there" in result.error


def test_an_event_without_a_bound_takes_it_from_the_total(folder):
    ledger = Workspace(folder / "ws").ledger
    ledger.add([entry(1.5, 1e-5), entry(None, None, stage="analyze")])
    text = shown(140, ledger.entries())
    assert re.search(r"^train .* 1\.5 +1e-05 *$", text, re.MULTILINE)
    assert re.search(r"^analyze .* no bound +no bound *$", text, re.MULTILINE)
    assert "epsilon no bound, delta no bound (2 events, 1 version of the data)" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_names_are_shown_as_they_are_and_nothing_is_cut_off(folder, width):
    name = "[bold]Straße 🚲 " + "x" * 60
    ledger = Workspace(folder / "ws").ledger
    ledger.add([entry(0.25, 0.0, column=name, data_version=version) for version in "ab"])
    text = shown(width, ledger.entries())
    assert "…" not in text
    assert "[bold]" in "".join(text.split()) or width == 40
    assert text.count("0.25") == 2
    assert "2 versions of the data" in " ".join(text.split())
