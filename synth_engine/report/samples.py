"""The rows that a report is about, read from a workspace.

Belongs here: which rows, with which keys and rules. Does not belong here: measuring.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

from synth_engine.domain import Constraint, InputError
from synth_engine.evaluation.fidelity import Rows
from synth_engine.report.results import Protection, Tables
from synth_engine.stages.layouts import original_table
from synth_engine.stages.original import Original, OriginalTable
from synth_engine.workspace import Artefact, Manifest, Workspace
from synth_engine.workspace.artefacts import TRAINING, VALIDATION

MAX_CELLS = 30_000_000
"""So many cells of each table are read at most."""
_CONSTRAINTS: TypeAdapter[list[Constraint]] = TypeAdapter(list[Constraint])


@dataclass(frozen=True)
class Samples:
    """Rows of a workspace.

    Attributes:
        training: Rows that the model learned from.
        holdout: Rows that it did not; that training ended by them is all they did.
        synthetic: Rows that it made, with the original types.
        tables: What these are.
        constraints: What the synthetic rows were to keep.
        schema_problems: How the synthetic schema differs from the original.
        protection: What protects people by construction.
        inputs: Manifests of what was read.
        notes: What a reader has to know.
    """

    training: pa.Table
    holdout: pa.Table
    synthetic: pa.Table
    tables: Tables
    constraints: list[Constraint]
    schema_problems: list[str]
    protection: Protection
    inputs: dict[Artefact, Manifest]
    notes: list[str]


def read_samples(workspace: Workspace, max_cells: int = MAX_CELLS) -> Samples:
    """Read what a report is about.

    Raises:
        ArtefactError: something is missing, damaged, or the synthetic rows are not from the model that is there.
    """
    original = Original.read(workspace)
    inputs = inputs_of(workspace, original)
    target, keys = original.target, original.target.keys
    made = workspace.read(Artefact.SYNTHETIC_DATA, made_from={Artefact.MODEL_DATA: inputs[Artefact.MODEL_DATA]})
    limit = max(max_cells // max(len(target.schema), 1), 1)
    readers: dict[str, list[Callable[[], pa.Table]]] = {
        "training": _of_role(target, TRAINING),
        "holdout": _of_role(target, VALIDATION),
        "synthetic": [partial(_synthetic, made, name) for name in made.parts()],
    }
    there = {"training": target.data.rows(TRAINING), "holdout": target.data.rows(VALIDATION), "synthetic": made.rows()}
    found = {name: _first(parts, limit, target.schema, keys.context_key) for name, parts in readers.items()}
    names = [key for key in (keys.primary_key, keys.context_key) if key is not None]
    return Samples(
        **found,
        tables=Tables(
            rows=Rows(**there),
            compared=Rows(**{name: table.num_rows for name, table in found.items()}),
            columns={name: kind.value for name, kind in target.types.items()},
            keys=names,
            context_key=keys.context_key,
            subjects=_subjects(found, keys.context_key),
        ),
        constraints=_CONSTRAINTS.validate_python(made.manifest.config.get("constraints") or []),
        schema_problems=_differences(target.schema, found["synthetic"].schema),
        protection=_protection(workspace, inputs),
        inputs=inputs,
        notes=_notes(there, found, made.manifest),
    )


def inputs_of(workspace: Workspace, original: Original | None = None) -> dict[Artefact, Manifest]:
    """Manifests of all that a report rests on; raises `ArtefactError` where one is missing."""
    original = original or Original.read(workspace)
    later = (Artefact.TGT_STATS, Artefact.MODEL_DATA, Artefact.SYNTHETIC_DATA)
    return original.inputs | {artefact: workspace.manifest(artefact) for artefact in later}


def _of_role(target: OriginalTable, role: str) -> list[Callable[[], pa.Table]]:
    return [partial(target.table, part) for part in target.data.parts(role)]


def _synthetic(made: Any, name: str) -> pa.Table:
    return original_table(made.table(name))


def _first(parts: Iterable[Callable[[], pa.Table]], limit: int, schema: pa.Schema, context_key: str | None) -> pa.Table:
    """So many rows at most, of whole subjects where they have a key."""
    tables: list[pa.Table] = []
    n_rows = 0
    for read in parts:
        tables.append(read())
        n_rows += tables[-1].num_rows
        if n_rows >= limit:
            break
    if not tables:
        return schema.empty_table()
    whole = pa.concat_tables(tables)
    first = whole.slice(0, limit)
    if context_key is None or context_key not in whole.column_names or first.num_rows == whole.num_rows:
        return first
    cut_off = whole[context_key][limit]  # events of a subject are next to each other
    return first.filter(pc.fill_null(pc.not_equal(first[context_key], cut_off), fill_value=True))


def _subjects(tables: dict[str, pa.Table], context_key: str | None) -> Rows | None:
    if context_key is None:
        return None
    return Rows(**{name: pc.count_distinct(table[context_key]).as_py() for name, table in tables.items()})


def _differences(original: pa.Schema, synthetic: pa.Schema) -> list[str]:
    if original.names != synthetic.names:
        missing = [name for name in original.names if name not in synthetic.names]
        more = [name for name in synthetic.names if name not in original.names]
        told = [f"column {name!r} is missing" for name in missing] + [f"column {name!r} is new" for name in more]
        return told or ["the columns are in another order"]
    pairs = zip(original, synthetic, strict=True)
    return [
        f"column {old.name!r} is {new.type}, the original is {old.type}" for old, new in pairs if old.type != new.type
    ]


def _protection(workspace: Workspace, inputs: dict[Artefact, Manifest]) -> Protection:
    analysis, model = inputs[Artefact.TGT_STATS].config, inputs[Artefact.MODEL_DATA].facts
    private_values = bool(analysis.get("differential_privacy"))
    bound = model.get("privacy")
    entries = workspace.ledger.entries()
    is_bound = private_values and bound is not None and bool(entries)
    plain = "thresholds" if analysis.get("value_protection", True) else "none"
    return Protection(
        values="differential privacy" if private_values else plain,  # type: ignore[arg-type]
        epsilon=entries[-1].cumulated_epsilon if is_bound else None,
        delta=entries[-1].cumulated_delta if is_bound else None,
        epsilon_of_training=bound["epsilon"] if bound else None,
        delta_of_training=bound["delta"] if bound else None,
    )


def _notes(there: dict[str, int], found: dict[str, pa.Table], made: Manifest) -> list[str]:
    notes = [
        f"Of {there[name]:,} {name} rows the first {table.num_rows:,} were read."
        for name, table in found.items()
        if table.num_rows < there[name]
    ]
    wishes = [name for name in ("rebalancing", "imputation", "fairness") if made.config.get(name)]
    if wishes:
        notes.append(
            f"The rows were drawn with {', '.join(wishes)}, so they are meant to differ from the original ones."
        )
    return notes


def check_name(name: str) -> str:
    """A name for the report: one line, not empty."""
    if not name.strip() or "\n" in name:
        raise InputError(f"name: expected a name of one line, found {name!r}")
    return name
