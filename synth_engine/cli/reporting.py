"""`synth report`: the figures of a workspace in the terminal, and where the page is.

Belongs here: how a report is shown in a terminal, and which exit code it ends with. Does not belong here: measuring,
limits, the page.
"""

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from synth_engine.domain import without_secrets
from synth_engine.report import Finding, Report, Verdict, current_report, judge, make_report
from synth_engine.terminal import TerminalProgress
from synth_engine.workspace import Artefact, Workspace

_WIDTH_WITHOUT_TERMINAL = 120
_MARKS = {"block": ("✗ forbids", "bold red"), "warn": ("! warns", "yellow")}


def show_report(workspace_dir: str, *, name: str | None, seed: int, qa: bool, check: bool) -> None:
    """Measure a workspace, unless that was done of what is there now, and say what was found.

    Args:
        workspace_dir: The workspace.
        name: What the report calls the dataset.
        seed: Of all samples.
        qa: Whether to ask `mostlyai-qa` as well.
        check: Whether to end with exit code 1 if the rows should not be published.
    """
    report = _current(workspace_dir, name, seed, qa)
    if report is None:
        with TerminalProgress() as progress:
            report = make_report(workspace_dir, name=name, seed=seed, qa=qa, update_progress=progress)
    verdict = judge(report)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_WITHOUT_TERMINAL)
    console.print(_table(verdict))
    console.print(_conclusion(verdict))
    page = Workspace(workspace_dir).folder(Artefact.REPORT) / "report.html"
    console.print(f"The page: {without_secrets(str(page))}", soft_wrap=True)
    if check and not verdict.passed:
        raise typer.Exit(1)


def _current(workspace_dir: str, name: str | None, seed: int, qa: bool) -> Report | None:
    """The report that is there, if it answers the same question."""
    found = current_report(workspace_dir)
    if found is None or found.seed != seed or (name is not None and found.name != name):
        return None
    return found if not qa or "mostlyai-qa" in found.versions else None


def _table(verdict: Verdict) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in ("check", "found", "tolerated"):
        table.add_column(title, overflow="fold")
    table.add_column("", no_wrap=True)
    for finding in verdict.findings:
        table.add_row(finding.check.replace("_", " "), Text(finding.measured), Text(finding.limit), _mark(finding))
    return table


def _mark(finding: Finding) -> Text:
    return Text("✓", style="green") if finding.passed else Text(*_MARKS[finding.severity])


def _conclusion(verdict: Verdict) -> Text:
    told = verdict.blocking or verdict.warnings
    title = "May be published."
    if told:
        title = "Not to be published:" if verdict.blocking else "May be published, with care:"
    lines = [Text(title, style="bold"), *(Text(f"{each.check.replace('_', ' ')}: {each.says}") for each in told)]
    return Text("\n").join(lines)
