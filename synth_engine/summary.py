"""What stages made, for people: where it is, what was learned, how values were protected, what may be handed over."""

from collections.abc import Callable, Collection, Iterator

import pyarrow as pa
from rich.text import Text

from synth_engine.domain import without_secrets
from synth_engine.stages.layouts import original_table
from synth_engine.workspace import Artefact, Manifest, Workspace
from synth_engine.workspace.artefacts import TRAINING, VALIDATION


def synthetic_table(workspace_dir: str) -> pa.Table:
    """All synthetic rows of a workspace, with exactly the types of the original table, also those Parquet has not."""
    reader = Workspace(workspace_dir).read(Artefact.SYNTHETIC_DATA)
    return original_table(pa.concat_tables([reader.table(name) for name in reader.parts()]))


def synthetic_parts(workspace_dir: str) -> Iterator[pa.Table]:
    """The same shard by shard, so that only one is in memory at a time."""
    reader = Workspace(workspace_dir).read(Artefact.SYNTHETIC_DATA)
    for name in reader.parts():
        yield original_table(reader.table(name))


def summary_of(workspace_dir: str, stages: Collection[str], output: str | None = None) -> Text:
    """A few lines, each with a title.

    Args:
        workspace_dir: Where the stages ran.
        stages: The names of those that ran.
        output: Where the synthetic rows were written as well.
    """
    workspace = Workspace(workspace_dir)
    lines: list[tuple[str, str]] = []
    for artefact, (title, told) in _TOLD.items():
        if artefact.made_by in stages:
            if artefact is Artefact.CTX_DATA and not workspace.has(artefact):
                continue
            made = workspace.manifest(artefact)
            where = f"{_size(made.total_bytes)} in {without_secrets(workspace_dir).rstrip('/')}/{artefact.folder}"
            lines += _wrapped(title, [*told(made), where])
    if output is not None:
        lines.append(("", f"also in {without_secrets(output)}"))
    if "split" in stages and "train" in stages:
        lines.append(("To hand over", "ModelStore and SyntheticData; never OriginalData, which holds real rows"))
    return Text("\n").join(Text.assemble((f"{title:<{_WIDTH}}", "bold"), text) for title, text in lines)


def _wrapped(title: str, parts: list[str]) -> list[tuple[str, str]]:
    """As many parts per line as fit into a terminal of 100 columns; the title in front of the first."""
    lines = [parts[0]]
    for part in parts[1:]:
        joined = f"{lines[-1]}, {part}"
        lines[-1:] = [joined] if len(joined) <= _LONG else [f"{lines[-1]},", part]
    return list(zip([title] + [""] * (len(lines) - 1), lines, strict=True))


def _original(made: Manifest) -> list[str]:
    return [f"{_rows(made, TRAINING):,} to learn from", f"{_rows(made, VALIDATION):,} to check with"]


def _statistics(made: Manifest) -> list[str]:
    epsilon = (made.config.get("differential_privacy") or {}).get("value_protection_epsilon")
    if epsilon is not None:
        return [f"value protection with differential privacy, epsilon {epsilon:g}"]
    is_on = made.config.get("value_protection", True)
    return [f"value protection {'on' if is_on else 'off: rare values and extremes of the original can appear'}"]


def _model(made: Manifest) -> list[str]:
    outcome = made.facts.get("outcome")
    if not outcome:
        return []
    loss = [] if outcome["best_loss"] is None else [f"loss {outcome['best_loss']:.3f} nats per record"]
    privacy = made.facts.get("privacy")
    bound = [] if not privacy else [f"epsilon {privacy['epsilon']:.3g} at delta {privacy['delta']:g}"]
    return [*loss, *bound, f"{outcome['epochs']:.3g} epochs in {outcome['seconds']:.1f} s", outcome["reason"]]


def _all_rows(made: Manifest) -> list[str]:
    return [f"{sum(made.row_counts.values()):,}"]


def _rows(made: Manifest, role: str) -> int:
    return sum(count for name, count in made.row_counts.items() if name.endswith(f"-{role}.parquet"))


def _size(n_bytes: float) -> str:
    units = ["B", "kB", "MB", "GB", "TB"]
    while n_bytes >= 1000 and len(units) > 1:
        n_bytes /= 1000
        units.pop(0)
    return f"{n_bytes:.3g} {units[0]}"


_TOLD: dict[Artefact, tuple[str, Callable[[Manifest], list[str]]]] = {
    Artefact.TGT_DATA: ("Original rows", _original),
    Artefact.CTX_DATA: ("Context rows", _original),
    Artefact.TGT_STATS: ("Statistics", _statistics),
    Artefact.ENCODED_DATA: ("Encoded rows", _all_rows),
    Artefact.MODEL_DATA: ("Model", _model),
    Artefact.SYNTHETIC_DATA: ("Synthetic rows", _all_rows),
}
_LONG = 82
_WIDTH = 2 + max(len(title) for title, _ in _TOLD.values())
