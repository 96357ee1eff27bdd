"""The privacy ledger of a workspace as a table for people.

Belongs here: how the ledger is shown. Does not belong here: what is in it.
"""

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from synth_engine.domain import ArtefactError
from synth_engine.workspace import LedgerEntry, Workspace

_UNBOUNDED = "no bound"
# Wide enough for a line per event in a log file.
_WIDTH_WITHOUT_TERMINAL = 140


def show_ledger(workspace_dir: str) -> None:
    """Print all events of a workspace, and what they come to; raises `ArtefactError` where there is no workspace."""
    workspace = Workspace(workspace_dir)
    entries = workspace.ledger.entries()
    if not entries and not workspace.root.exists():
        raise ArtefactError(f"{workspace.root}: no workspace there; give the one that synth split has made")
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_WITHOUT_TERMINAL)
    console.print(ledger_table(entries))


def together(workspaces: Sequence[str]) -> str | None:
    """What people who are in the data of several workspaces have spent altogether; None if nothing is on record."""
    ledgers = {workspace: Workspace(workspace).ledger.entries() for workspace in workspaces}
    if not any(ledgers.values()):
        return None
    last = [entries[-1] if entries else None for entries in ledgers.values()]
    epsilon, delta = (
        _sum([None if entry is None else getattr(entry, f"cumulated_{name}") for entry in last])
        for name in ("epsilon", "delta")
    )
    shown = " and ".join(f"synth privacy {workspace}" for workspace in workspaces)
    return f"Privacy of whoever is in both: epsilon {_number(epsilon)}, delta {_number(delta)} ({shown})"


def _sum(values: Sequence[float | None]) -> float | None:
    return None if None in values else sum(value for value in values if value is not None)


def ledger_table(entries: Sequence[LedgerEntry]) -> RenderableType:
    """The events, oldest first, and the totals by sequential composition, as the ledger has them."""
    if not entries:
        return Text(
            "No privacy-spending event is on record. What was made here without differential privacy has no bound: "
            "its epsilon is not zero."
        )
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in ("stage", "what was asked", "column", "mechanism"):
        table.add_column(title, overflow="fold")
    for title in ("epsilon", "delta"):
        table.add_column(title, justify="right", no_wrap=True)
    for entry in entries:
        asked = Text(entry.purpose), Text(entry.column or ""), Text(entry.mechanism)
        table.add_row(entry.stage, *asked, _number(entry.epsilon), _number(entry.delta))
    versions = len({entry.data_version for entry in entries})
    last = entries[-1]
    total = f"Together, for everybody in the data: epsilon {_number(last.cumulated_epsilon)}"
    delta = f", delta {_number(last.cumulated_delta)}"
    events = f"{len(entries)} event{'s' * (len(entries) > 1)}, {versions} version{'s' * (versions > 1)} of the data"
    return Group(table, Text.assemble((total + delta, "bold"), f" ({events})"))


def _number(value: float | None) -> str:
    return _UNBOUNDED if value is None else f"{value:.4g}"
