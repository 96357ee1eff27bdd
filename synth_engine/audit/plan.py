"""Whom an audit asks, and on what its models are trained.

Belongs here: choosing rows. Does not belong here: training (`shadow`), counting (`counting`).
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field
from upath import UPath

from synth_engine.domain import InputError, ModelType
from synth_engine.domain.randomness import generator
from synth_engine.evaluation.privacy import isolation_of
from synth_engine.stages.original import Original
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.artefacts import TRAINING

_LEAST_ROWS = 100


class AuditPlan(BaseModel):
    """What all shadows of an audit have in common. Holds numbers of rows, no value of one.

    Args:
        data_version: Digest of the original rows.
        n_rows: Training rows, the first of the workspace, that shadows are trained on, but for targets that a coin
            leaves out.
        targets: Places among them of those who are asked about: the most isolated ones.
        n_shadows: How many models.
        max_epochs: Of each training.
        seed: Of coins and trainings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_version: str
    n_rows: Annotated[int, Field(ge=_LEAST_ROWS)]
    targets: list[int]
    n_shadows: Annotated[int, Field(ge=2)]
    max_epochs: Annotated[float, Field(gt=0)]
    seed: int

    def coins(self, shadow: int) -> npt.NDArray[np.bool_]:
        """Which of the targets are in the training of a shadow: a fair coin for each, thrown independently."""
        return generator(self.seed, "audit", "coins", shadow).random(len(self.targets)) < 0.5


def plan_audit(
    workspace_dir: str | Path | UPath,
    *,
    n_shadows: int = 8,
    n_targets: int = 100,
    n_rows: int = 2_000,
    max_epochs: float = 30.0,
    seed: int = 0,
) -> AuditPlan:
    """Choose rows for small models, and among these the targets: those furthest from their nearest neighbour.

    Args:
        workspace_dir: A workspace with a split table whose rows are one person each, for a tabular model.
        n_shadows: How many models are trained; intervals get narrower by their number.
        n_targets: How many people are asked about.
        n_rows: Training rows of each model, at most. The fewer, the more a model can learn of each, so the audit is
            more severe than the training of a large table is.
        max_epochs: Of each training, at most; everything else is as the workspace says.
        seed: Of coins and trainings.

    Raises:
        ArtefactError: `split` has not run.
        InputError: events of subjects, or a language model, which have no audit yet; or too few rows.
    """
    workspace = Workspace(workspace_dir)
    original = Original.read(workspace)
    if original.target.keys.context_key is not None or original.context is not None:
        raise InputError(
            "audit: expected a table whose rows are one person each; events of subjects cannot be audited yet"
        )
    if original.target.model_type is not ModelType.TABULAR:
        raise InputError("audit: expected a tabular model; language models cannot be audited yet")
    table = pool(workspace, n_rows)
    if table.num_rows < _LEAST_ROWS:
        raise InputError(f"audit: expected at least {_LEAST_ROWS} training rows, found {table.num_rows}")
    keys = [key for key in (original.target.keys.primary_key,) if key is not None]
    isolation = isolation_of(table, keys=keys)
    targets = np.sort(np.argsort(-isolation, kind="stable")[: min(n_targets, table.num_rows // 2)])
    return AuditPlan(
        data_version=workspace.manifest(Artefact.TGT_DATA).digest,
        n_rows=table.num_rows,
        targets=[int(place) for place in targets],
        n_shadows=n_shadows,
        max_epochs=max_epochs,
        seed=seed,
    )


def pool(workspace: Workspace, n_rows: int) -> pa.Table:
    """The first training rows; rows are in random order."""
    target = Original.read(workspace).target
    tables: list[pa.Table] = []
    for part in target.data.parts(TRAINING):
        tables.append(target.table(part))
        if sum(table.num_rows for table in tables) >= n_rows:
            break
    return pa.concat_tables(tables).slice(0, n_rows) if tables else target.schema.empty_table()
