"""What a benchmark found, as one table: the reference, ours, and how many times better ours is.

Belongs here: which figures are shown, from the stored results, and how. Not: measuring anything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.engines.session import STAGES

Run = Mapping[str, Any]  # one engine, one seed: its result, with `likelihood_seconds` and `quality`


@dataclass(frozen=True)
class Figure:
    """One row of the table. `better`: "low", "high", or "" where a ratio says nothing."""

    label: str
    of: Callable[[Run], float | None]
    better: str = ""
    digits: int = 1
    ceiling: Callable[[Run], float | None] = lambda _: None


def lookup(*keys: str) -> Callable[[Run], float | None]:
    """A function that follows `keys` into a run; None where something is missing or was not measured."""

    def follow(run: Run) -> float | None:
        value: Any = run
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return None if value is None else float(value)

    return follow


def _total_seconds(run: Run) -> float:
    return float(run["import_seconds"] + sum(stage["seconds"] for stage in run["stages"].values()))


def _seconds_of_subjects(run: Run) -> float | None:
    seconds = run.get("seconds_per_record")
    return None if seconds is None else 128 * float(seconds)


def _epoch_seconds(run: Run) -> float | None:
    """By the records trained on: `seconds_per_epoch` divides by an epoch that the reference rounds to hundredths."""
    seconds = run.get("seconds_per_record")
    return None if seconds is None else float(seconds * run["training_records"])


def _quality(label: str, part: str, name: str, ceiling: str) -> Figure:
    return Figure(label, lookup("quality", part, name), digits=4, ceiling=lookup("quality", part, ceiling))


STAGE_FIGURES = [
    Figure("import, seconds", lookup("import_seconds"), "low"),
    *(Figure(f"{stage}, seconds", lookup("stages", stage, "seconds"), "low", 2) for stage in STAGES),
]
FIGURES = [
    *STAGE_FIGURES,
    Figure("import and all stages, seconds", _total_seconds, "low"),
    Figure("reference's best likelihood, train seconds", lookup("likelihood_seconds"), "low"),
    Figure("epochs trained", lookup("last_epoch")),
    Figure("seconds per epoch, validation included", lookup("seconds_per_epoch"), "low", 2),
    Figure("epsilon of training", lookup("epsilon"), digits=2),
    Figure("peak memory, MiB", lookup("peak_mib"), "low", 0),
    Figure("generate, rows per second", lookup("generated_rows_per_second"), "high", 0),
    *(
        _quality(f"accuracy, {name}", "accuracy", name, f"{name}_max")
        for name in ("overall", "univariate", "bivariate", "trivariate")
    ),
    _quality(
        "discriminator AUC (mostlyai-qa)",
        "similarity",
        "discriminator_auc_training_synthetic",
        "discriminator_auc_training_holdout",
    ),
    Figure(
        "judge AUC (gradient boosting)",
        lookup("quality", "judge_auc"),
        digits=4,
        ceiling=lookup("quality", "judge_auc_train"),
    ),
    Figure("share closer to training rows", lookup("quality", "distances", "dcr_share"), digits=3),
]

RELATED_FIGURES = [  # the seconds of `train` are not compared: the budgets differ
    *(replace(figure, better="") if figure.label.startswith("train") else figure for figure in STAGE_FIGURES),
    *(
        Figure(f"{stage}, processor seconds", lookup("stages", stage, "processor_seconds"), "low", 2)
        for stage in ("analyze", "encode", "generate")
    ),
    Figure("epochs trained", lookup("last_epoch"), digits=2),
    Figure("training, seconds for 128 subjects", _seconds_of_subjects, "low", 3),
    Figure("training, seconds per epoch", _epoch_seconds, "low", 1),
    *(Figure(f"{stage}, peak MiB", lookup("stages", stage, "peak_mib"), "low", 0) for stage in STAGES),
    Figure("generate, events", lookup("sample_size"), digits=0),
    Figure("generate, events per second", lookup("generated_rows_per_second"), "high", 0),
]


def print_table(title: str, reference: Sequence[Run], ours: Sequence[Run], figures: Sequence[Figure] = FIGURES) -> None:
    """Print the medians over all seeds of both engines."""
    table = Table(
        title=title, caption="Medians over the seeds. Held-out rows: the score of real rows in place of synthetic ones."
    )
    for heading in ("", "reference", "ours", "times better", "held-out rows"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for figure in figures:
        table.add_row(figure.label, *_cells(figure, reference, ours))
    Console(width=120).print(table)


def _cells(figure: Figure, reference: Sequence[Run], ours: Sequence[Run]) -> list[str]:
    theirs, mine = _median(figure.of, reference), _median(figure.of, ours)
    ceiling = _median(figure.ceiling, [*reference, *ours])
    return [
        *(_number(value, figure.digits) for value in (theirs, mine)),
        _ratio(figure, theirs, mine),
        _number(ceiling, figure.digits),
    ]


def _median(of: Callable[[Run], float | None], runs: Sequence[Run]) -> float | None:
    values = [value for run in runs if (value := of(run)) is not None]
    return median(values) if values else None


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _ratio(figure: Figure, theirs: float | None, mine: float | None) -> str:
    if not (figure.better and theirs and mine):
        return ""
    return f"{theirs / mine if figure.better == 'low' else mine / theirs:.2f}×"
