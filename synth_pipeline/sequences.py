"""Subjects and their events in the tables of a workspace: how many there are, and whether the keys refer.

Belongs here: counting, and how the counts look on an asset's page. Does not belong here: flat tables (`metadata`).
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from synth_engine.stages import Subjects
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.parents import Parent

Metadata = dict[str, Any]
_ROLES = {"trn": "training_subjects", "val": "validation_subjects"}


def original_sequences(workspace: Workspace, config: DatasetConfig) -> Metadata:
    """Number of subjects in the original tables, and of their events; empty for a flat table."""
    key = config.context_key
    if key is None:
        return {}
    events = workspace.read(Artefact.TGT_DATA)
    subjects = {
        told: sum(_n_subjects(workspace, config, name) for name in events.parts(role)) for role, told in _ROLES.items()
    }
    n_events = sum(events.rows(role) for role in _ROLES)
    return _relation(config) | subjects | {"events_per_subject": _mean(n_events, sum(subjects.values()))}


def _n_subjects(workspace: Workspace, config: DatasetConfig, part: str) -> int:
    """Subjects of a partition; all rows of a subject are in one."""
    if config.context is not None:
        return workspace.manifest(Artefact.CTX_DATA).row_counts[part]
    key = str(config.context_key)
    return Subjects.of(workspace.read(Artefact.TGT_DATA).table(part, [key]), key).size


def released_lengths(statistics: Mapping[str, Any], config: DatasetConfig) -> Metadata:
    """Numbers of events per subject, as far as they may be known.

    Args:
        statistics: ``stats.json`` of the events.
        config: The dataset; without value protection the lengths are those of single people, and are not shown.
    """
    if config.context_key is None or not config.analyze.value_protection:
        return {}
    lengths = statistics["seq_len"]
    return {f"{which}_events_per_subject": lengths[part] for which, part in _LENGTHS.items()}


_LENGTHS = {"least": "min", "median": "median", "most": "max"}


def synthetic_sequences(workspace: Workspace, config: DatasetConfig, parent: Parent | None) -> Metadata:
    """Number of synthetic subjects, and of their events beside those of the original; empty for a flat table."""
    if config.context_key is None:
        return {}
    subjects = synthetic_subjects(workspace, config.context_key, parent)
    original = original_sequences(workspace, config)
    return _relation(config) | {
        "subjects": subjects.size,
        "subjects_without_events": int((subjects.lengths == 0).sum()),
        "events_per_subject": _mean(len(subjects.places), subjects.size),
        "events_per_subject_of_original": original["events_per_subject"],
    }


def synthetic_subjects(workspace: Workspace, key: str, parent: Parent | None) -> Subjects:
    """Whom the synthetic events of a dataset belong to, among the synthetic rows of its parent if it has one.

    Raises:
        InputError: some refer to nobody there.
    """
    reader = workspace.read(Artefact.SYNTHETIC_DATA)
    events = pa.concat_tables([reader.table(name, [key]) for name in reader.parts()])
    if parent is None:
        return Subjects.of(events, key)
    return Subjects.of(events, key, parent.twin(), parent.config.primary_key)


def _relation(config: DatasetConfig) -> Metadata:
    return {"context_key": config.context_key} | ({"context": config.context} if config.context else {})


def _mean(n_events: int, n_subjects: int) -> float:
    return round(n_events / n_subjects, 3) if n_subjects else 0.0
