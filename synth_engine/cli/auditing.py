"""`synth audit`: shadow models one after the other, and what they come to.

Belongs here: how an audit is shown in a terminal. Does not belong here: the audit.
"""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from synth_engine.audit import ShadowAudit, finish_audit, plan_audit, train_shadow
from synth_engine.terminal import TerminalProgress

_WIDTH_WITHOUT_TERMINAL = 120


def run_audit(workspace_dir: str, **settings: Any) -> None:
    """Plan, train, count, and say what was found; settings are those of `plan_audit`."""
    plan = plan_audit(workspace_dir, **settings)
    shadows = []
    with TerminalProgress() as progress:
        for number in range(plan.n_shadows):
            shadows.append(train_shadow(workspace_dir, plan, number))
            told = {"stage": "audit", "unit": "models"}
            progress(total=plan.n_shadows, completed=number + 1, message=told)
    _show(finish_audit(plan, shadows))


def _show(found: ShadowAudit) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_WITHOUT_TERMINAL)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    for title in ("by who has the model", "by who has the rows"):
        table.add_column(title, justify="right")
    both = (found.by_likelihood, found.by_nearness)
    for title, name in (
        ("AUC (0.5 is guessing)", "auc"),
        ("found at 1 % false accusations", "at_1_percent"),
        ("found at 0.1 %", "at_01_percent"),
        ("AUC of the most exposed", "most_exposed_auc"),
    ):
        table.add_row(title, *(_interval(getattr(each, name)) for each in both))
    table.add_row("epsilon is at least", *(f"{each.least_epsilon:.3g}" for each in both))
    console.print(table)
    guaranteed = "nothing" if found.epsilon is None else f"epsilon {found.epsilon:.3g}"
    console.print(
        f"{found.n_shadows} models of up to {found.n_rows:,} rows, {found.n_targets} targets; guaranteed: {guaranteed}"
    )
    if found.is_disproved:
        console.print("[bold red]The guarantee is disproved: report this as a bug.[/]")
    console.print(f"{found.means}\nIt does not say: {found.does_not_mean[0].lower()}{found.does_not_mean[1:]}")


def _interval(found: Any) -> str:
    return "-" if found is None else f"{found.value:.3f} [{found.lower:.3f}, {found.upper:.3f}]"
