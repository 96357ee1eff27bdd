"""What a benchmark found of one dataset, as a table: figures by engine, and how many times better ours are.

Belongs here: which figures are shown, from the stored results, and how. Not: measuring anything, pages.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.engines import ENGINES
from benchmarks.engines.session import STAGES

Run = Mapping[str, Any]  # one engine, one seed: its result, with `sizes`, `likelihood` and `quality`


@dataclass(frozen=True)
class Figure:
    """One row of the table. `better`: "low", "high", or "" where a ratio says nothing."""

    label: str
    of: Callable[[Run], float | None]
    better: str = ""
    digits: int = 1
    ceiling: Callable[[Run], float | None] = lambda _: None


def lookup(*keys: str | int) -> Callable[[Run], float | None]:
    """A function that follows `keys` into a run; None where something is missing or was not measured."""

    def follow(run: Run) -> float | None:
        value: Any = run
        for key in keys:
            if isinstance(value, list) and isinstance(key, int):
                value = value[key]
            else:
                value = value.get(key) if isinstance(value, Mapping) else None
        return None if value is None else float(value)

    return follow


def _total_seconds(run: Run) -> float | None:
    if "stages" not in run:
        return None
    return float(run["import_seconds"] + sum(stage["seconds"] for stage in run["stages"].values()))


def _seconds_of_subjects(run: Run) -> float | None:
    seconds = run.get("seconds_per_record")
    return None if seconds is None else 128 * float(seconds)


def _of_quality(label: str, *keys: str, ceiling: Sequence[str] = (), better: str = "", digits: int = 4) -> Figure:
    reached = lookup("quality", *ceiling) if ceiling else lambda _: None
    return Figure(label, lookup("quality", *keys), better, digits, reached)


def _accuracy(*levels: str) -> list[Figure]:
    return [
        _of_quality(f"accuracy, {level}", "accuracy", level, ceiling=("accuracy", f"{level}_max")) for level in levels
    ]


def _coherence(label: str, *keys: str) -> Figure:
    return _of_quality(label, "coherence", *keys, ceiling=("reachable", *keys))


def _beside_holdout(label: str, name: str) -> Figure:
    return _of_quality(label, name, ceiling=(f"{name}_in_holdout",))


_QA_AUC = "discriminator_auc_training"
_COST = [
    Figure("import, seconds", lookup("import_seconds"), "low"),
    *(Figure(f"{stage}, seconds", lookup("stages", stage, "seconds"), "low", 2) for stage in STAGES),
    Figure("import and all stages, seconds", _total_seconds, "low"),
    Figure("epochs trained", lookup("last_epoch")),
    Figure("generated rows per second", lookup("generated_rows_per_second"), "high", 0),
    Figure("peak memory, MiB", lookup("peak_mib"), "low", 0),
    Figure("on disk, model, MiB", lookup("sizes", "model_mib"), "low", 2),
    Figure("on disk, all, MiB", lookup("sizes", "workspace_mib"), "low", 1),
]
_DISCRIMINATOR = _of_quality(
    "discriminator AUC (mostlyai-qa)",
    "similarity",
    f"{_QA_AUC}_synthetic",
    ceiling=("similarity", f"{_QA_AUC}_holdout"),
)
_PRIVACY = [
    _of_quality("membership inference, AUC", "membership", "auc", digits=3),
    _of_quality("share closer to training rows", "distances", "dcr_share", digits=3),
]
FIGURES = {
    "flat": [
        *_COST,
        Figure("to the reference's best likelihood, seconds", lookup("likelihood", "seconds"), "low"),
        *_accuracy("overall", "univariate", "bivariate", "trivariate"),
        _DISCRIMINATOR,
        _of_quality("judge AUC (gradient boosting)", "judge_auc", ceiling=("judge_auc_train",)),
        _of_quality("trained on synthetic, tested on real", "utility", "synthetic", ceiling=("utility", "real")),
        *_PRIVACY,
    ],
    "events": [
        *_COST,
        Figure("training, seconds for 128 subjects", _seconds_of_subjects, "low", 3),
        *_accuracy("overall", "univariate", "bivariate", "coherence"),
        _DISCRIMINATOR,
        _coherence("next team, distance", "transitions", "team"),
        _coherence("next league, distance", "transitions", "league"),
        _coherence("lengths, distance", "lengths", "total_variation"),
        *_PRIVACY,
    ],
    "text": [
        *_COST,
        _of_quality("valid rows, share", "valid_rows"),
        _of_quality("titles, AUC of a judge", "auc_of_titles", ceiling=("real", "auc_of_titles")),
        _of_quality("other columns, AUC of a judge", "auc_of_other_columns", ceiling=("real", "auc_of_other_columns")),
        _of_quality("mean characters", "mean_characters", ceiling=("real", "mean_characters"), digits=1),
        _beside_holdout("titles of training rows, share", "titles_of_training_rows"),
        _beside_holdout("most repeated training title, times", "most_repeated_training_title"),
        *_PRIVACY[:1],
    ],
}


def table_of(kind: str, runs: Mapping[str, Sequence[Run]]) -> tuple[list[str], list[list[str]]]:
    """Heading and rows: medians over the seeds of each engine; the least and the most where there are several."""
    ratio = {"reference", "ours"} <= runs.keys()
    heading = ["", *(ENGINES[name].label for name in runs), *(["times better"] if ratio else []), "real rows"]
    rows = []
    for figure in FIGURES[kind]:
        values = {name: _values(figure.of, each) for name, each in runs.items()}
        if not any(values.values()):
            continue
        cells = [_spread(found, figure.digits) for found in values.values()]
        if ratio:
            cells.append(_ratio(figure, values["reference"], values["ours"]))
        ceilings = _values(figure.ceiling, [run for each in runs.values() for run in each])
        rows.append([figure.label, *cells, f"{median(ceilings):,.{figure.digits}f}" if ceilings else ""])
    return heading, rows


def print_table(title: str, kind: str, runs: Mapping[str, Sequence[Run]]) -> None:
    """Print the table; `real rows`: the score of real rows in place of synthetic ones."""
    heading, rows = table_of(kind, runs)
    table = Table(title=title)
    for name in heading:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console(width=160).print(table)


def _values(of: Callable[[Run], float | None], runs: Sequence[Run]) -> list[float]:
    return [value for run in runs if (value := of(run)) is not None]


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return "–"
    middle = f"{median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def _ratio(figure: Figure, theirs: Sequence[float], mine: Sequence[float]) -> str:
    if not (figure.better and theirs and mine and median(theirs) and median(mine)):
        return ""
    one, other = (theirs, mine) if figure.better == "low" else (mine, theirs)
    middle = f"{median(one) / median(other):.1f}×"
    return (
        middle
        if len(theirs) == len(mine) == 1
        else f"{middle} ({min(one) / max(other):.1f}–{max(one) / min(other):.1f})"
    )
