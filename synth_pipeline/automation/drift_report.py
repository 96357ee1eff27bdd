"""drift_report: how far a changed source is from what the model was trained with.

The source is encoded with the encodings that the model was trained with, and distributions of codes are compared column
by column. Real rows are counted exactly, so the figures are for operators and not to be published; where a dataset has
differential privacy, which bounds what anybody learns of its rows, neither figures nor columns are shown.

Belongs here: measuring, and how it is shown. Does not belong here: the figure (`stability`), what follows (`drift`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dagster import Failure, MaterializeResult, MetadataValue, OpExecutionContext, asset

from synth_engine.domain import InputError, UserError
from synth_engine.stages import Subjects
from synth_engine.stages.encode import EVENTS, LENGTH, encode_events, encode_table
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.stages.table_input import to_arrow
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline.automation.drift import Measured, Verdict, judge, strategy_for, why_no_budget
from synth_pipeline.automation.stability import Counts, Stability, stability
from synth_pipeline.catalog import DatasetConfig, DriftConfig
from synth_pipeline.compute import CPU, compute_tags
from synth_pipeline.parents import source_table
from synth_pipeline.partitions import datasets
from synth_pipeline.resources import Storage

OUTCOME, REASON, STRATEGY = "outcome", "reason", "model_state_strategy"


@asset(
    partitions_def=datasets,
    group_name="drift",
    owners=["team:synthetic-data"],
    kinds={"python"},
    tags={"contents": "sensitive"},
    op_tags=compute_tags(CPU),
)
def drift_report(context: OpExecutionContext, storage: Storage) -> MaterializeResult[Any]:
    """How far a changed source is from what the model was trained with. For operators: it counts real rows exactly."""
    name = context.partition_key
    try:
        config = storage.catalog.load(name)
        verdict, measured = _measure(config, storage.workspace(name))
    except (UserError, NotImplementedError) as error:
        raise Failure(description=f"{name}: {error}", allow_retries=False) from error
    context.log.info(f"{name}: {verdict.outcome}, because {verdict.reason}")
    return MaterializeResult(metadata=shown(verdict, measured, is_private=is_private(config)))


def is_private(config: DatasetConfig) -> bool:
    """Whether what is told of the dataset's rows is bounded by differential privacy."""
    return config.train.differential_privacy is not None or config.analyze.differential_privacy is not None


def shown(verdict: Verdict, measured: Measured, *, is_private: bool) -> dict[str, Any]:
    """Metadata of the report."""
    facts: dict[str, Any] = {OUTCOME: verdict.outcome, REASON: verdict.reason, STRATEGY: str(verdict.strategy)}
    if is_private:
        return facts | {"figures": "not shown: the dataset has differential privacy"}
    figures = measured.worst_first()
    if figures:
        facts["largest_population_stability_index"] = round(figures[0][1].index, 3)
    lines = [f"| {_cell(name)} | {each.index:.3f} | {each.chance:.3f} | {each.groups} |" for name, each in figures]
    head = ["| column | population stability index | by chance up to | groups |", "|---|---|---|---|"]
    return facts | {
        "changes": "; ".join(measured.changes) or "none",
        "drift_by_column": MetadataValue.md("\n".join([*head, *lines])),
    }


def _cell(name: str) -> str:
    return " ".join(name.replace("|", "\\|").split())


def _measure(config: DatasetConfig, workspace: Workspace) -> tuple[Verdict, Measured]:
    if not workspace.has(Artefact.MODEL_DATA):
        return Verdict("train", "there is no model yet"), Measured([], {})
    model = workspace.manifest(Artefact.MODEL_DATA)
    privacy = config.train.differential_privacy
    measured = measure(config, workspace)
    verdict = judge(
        measured,
        (config.drift or DriftConfig()).threshold,
        is_private=is_private(config),
        budget=why_no_budget(privacy, workspace.ledger.entries()),
        strategy=strategy_for(privacy, model.facts),
    )
    return verdict, measured


def measure(config: DatasetConfig, workspace: Workspace) -> Measured:
    """Compare the source with the encoded data that the model was trained with.

    Raises:
        InputError: the source cannot be read, or the dataset is one of texts.
        ArtefactError: the encoded data is not that of the model.
    """
    statistics = TableStatistics.model_validate(workspace.read(Artefact.TGT_STATS).json(FILE_NAME))
    if statistics.language:
        raise InputError("drift: expected a tabular model, texts have no codes to compare; leave drift out of its file")
    workspace.read(Artefact.MODEL_DATA, made_from={Artefact.ENCODED_DATA: workspace.manifest(Artefact.ENCODED_DATA)})
    table = to_arrow(source_table(config), "source")
    changes, common = _compare_columns(statistics, table.schema)
    encodings = {name: encoding for name, encoding in statistics.columns.items() if name in common}
    if config.context_key is not None and config.context_key not in table.column_names:
        return Measured(changes, {})  # nobody knows whose the rows are
    old = _Histograms.of(_trained_codes(workspace))
    new = _Histograms.of([_new_codes(table, config, statistics, encodings)])
    return Measured(changes, _figures(old, new, encodings))


def _compare_columns(statistics: TableStatistics, schema: pa.Schema) -> tuple[list[str], set[str]]:
    """What is drift by itself, and the columns that both tables have."""
    before = {field.name: field.type for field in statistics.schema}
    after = {field.name: field.type for field in schema}
    changes = [f"column {name} is new" for name in after if name not in before]
    changes += [f"column {name} is missing" for name in before if name not in after]
    common = {name for name in before if name in after and before[name] == after[name]}
    others = [name for name in before if name in after and name not in common]
    changes += [f"column {name} was {before[name]} and is {after[name]}" for name in others]
    return changes, common


@dataclass(frozen=True)
class _Histograms:
    """Counts of codes by column of codes, and the number of independent records: rows, or their subjects."""

    counts: dict[str, Counts]
    n_records: int

    @classmethod
    def of(cls, parts: Iterable[Mapping[str, pa.Array]]) -> "_Histograms":
        counts: dict[str, Counts] = {}
        n_records = 0
        for columns in parts:
            flat = dict(_flat(columns))
            n_records += len(next(iter(flat.values()), ()))
            for name, codes in flat.items():
                found = np.bincount(codes.to_numpy(zero_copy_only=False).astype(np.int64))
                counts[name] = _sum(counts.get(name, np.zeros(0, np.int64)), found)
        return cls(counts, n_records)


def _flat(columns: Mapping[str, pa.Array]) -> Iterator[tuple[str, pa.Array]]:
    """Columns of codes. Subjects without events say nothing: a table of events does not tell of them."""
    for name, column in columns.items():
        if name == EVENTS:
            events = column.flatten()
            yield from ((field.name, events.field(place)) for place, field in enumerate(events.type))
        elif name == LENGTH:
            yield name, column.filter(pc.greater(column, 0))
        else:
            yield name, column


def _sum(one: Counts, other: Counts) -> Counts:
    size = max(len(one), len(other))
    return np.asarray(np.pad(one, (0, size - len(one))) + np.pad(other, (0, size - len(other))), np.int64)


def _trained_codes(workspace: Workspace) -> Iterator[dict[str, pa.Array]]:
    """Codes that the model was trained with, those of a context table left out."""
    reader = workspace.read(Artefact.ENCODED_DATA)
    for part in [*reader.parts("trn"), *reader.parts("val")]:
        table = reader.table(part)
        names = [name for name in table.column_names if name in (LENGTH, EVENTS)] or table.column_names
        yield {name: table[name].combine_chunks() for name in names}


def _new_codes(
    table: pa.Table, config: DatasetConfig, statistics: TableStatistics, encodings: Mapping[str, Any]
) -> dict[str, pa.Array]:
    if config.context_key is None:
        codes = encode_table(table, encodings)
        return {name: codes[name].combine_chunks() for name in codes.column_names}
    subjects = Subjects.of(table, config.context_key)
    order = np.argsort(subjects.places, kind="stable")
    sorted_subjects = Subjects(subjects.places[order], subjects.size)
    return encode_events(table.take(pa.array(order)), sorted_subjects, encodings, statistics.seq_len.max)


def _figures(old: _Histograms, new: _Histograms, encodings: Mapping[str, Any]) -> dict[str, Stability]:
    """The worst of each column's sub-columns, and of the number of rows per subject."""
    ranks: dict[str, tuple[str, list[float] | None]] = {
        f"{name}__{part}": (name, encoding.ranks().get(part))
        for name, encoding in encodings.items()
        for part in encoding.cardinalities
    }
    found: dict[str, Stability] = {}
    n = (old.n_records, new.n_records)
    for codes in old.counts.keys() | new.counts.keys():
        size = max(len(histograms.counts.get(codes, ())) for histograms in (old, new))
        order: list[float] | None
        if codes == LENGTH:
            name, order = "number of rows per subject", np.arange(size, dtype=float).tolist()
        elif codes in ranks:
            name, order = ranks[codes]
        else:
            continue  # of a column that is gone, or of a context
        empty = np.zeros(size, np.int64)
        one, other = (_sum(histograms.counts.get(codes, empty), empty) for histograms in (old, new))
        each = stability(one, other, order and order[:size], n, len(ranks))
        if name not in found or each.index > found[name].index:
            found[name] = each
    return found
