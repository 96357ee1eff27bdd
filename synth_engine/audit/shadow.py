"""One small model of an audit: trained with some of the targets, asked about all.

Belongs here: its training and its answers. Does not belong here: who is asked (`plan`), counting (`counting`).
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict
from upath import UPath

from synth_engine.audit.plan import AuditPlan, pool
from synth_engine.domain import AnalyzeConfig, ArtefactError, ModelStateStrategy, TrainConfig
from synth_engine.domain.randomness import derive_seed
from synth_engine.evaluation.privacy import nearness_to
from synth_engine.stages import analyze, encode, generate, split, train
from synth_engine.stages.original import Original
from synth_engine.summary import synthetic_table
from synth_engine.workspace import Artefact, Workspace

_LATER = {"random_state", "model_state_strategy", "device", "max_epochs", "max_training_time"}


class Shadow(BaseModel):
    """What one model said of the targets, in the order of the plan.

    Args:
        number: Which one.
        is_in: Whether a target was in its training.
        likelihood: Logarithm of its probability under the model: what is known to whoever has the model.
        nearness: How near the nearest synthetic row is: what is known to whoever has the rows.
        epsilon: What its training and statistics guarantee; None where they guarantee nothing.
        delta: Likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    number: int
    is_in: list[bool]
    likelihood: list[float]
    nearness: list[float]
    epsilon: float | None
    delta: float | None


def train_shadow(workspace_dir: str | Path | UPath, plan: AuditPlan, number: int) -> Shadow:
    """Train one model in a temporary workspace with the settings of this one, and ask it about the targets.

    The same plan and number give the same shadow, but for the secret randomness of value protection.

    Raises:
        ArtefactError: the rows are others than those of the plan, or statistics and model of the workspace, whose
            settings are used, are not there.
    """
    from synth_engine.estimators import TabularARGN  # with it comes pandas

    workspace = Workspace(workspace_dir)
    if workspace.manifest(Artefact.TGT_DATA).digest != plan.data_version:
        raise ArtefactError(
            f"{workspace.root}: the original rows have changed since the audit was planned; plan it anew"
        )
    original = Original.read(workspace).target
    table = pool(workspace, plan.n_rows)
    is_in = plan.coins(number)
    kept = np.ones(table.num_rows, np.bool_)
    kept[np.array(plan.targets)[~is_in]] = False
    seed = derive_seed(plan.seed, "audit", "shadow", number) % 2**32
    with tempfile.TemporaryDirectory(prefix="synth-audit-") as folder:
        split(
            table.filter(pa.array(kept)),
            tgt_primary_key=original.keys.primary_key,
            tgt_encoding_types=dict(original.types),
            workspace_dir=folder,
            random_state=seed,
        )
        _learn(workspace, folder, plan, seed)
        generate(workspace_dir=folder, sample_size=table.num_rows, random_state=seed)
        asked = table.take(plan.targets)
        keys = [key for key in (original.keys.primary_key,) if key is not None]
        likelihood = TabularARGN.from_workspace(folder).log_prob(asked.drop_columns(keys).to_pandas())
        nearness = nearness_to(synthetic_table(folder), asked, keys=keys)
        epsilon, delta = _guarantee(Workspace(folder))
    return Shadow(
        number=number,
        is_in=is_in.tolist(),
        likelihood=[float(value) for value in likelihood],
        nearness=[float(value) for value in nearness],
        epsilon=epsilon,
        delta=delta,
    )


def _learn(workspace: Workspace, folder: str, plan: AuditPlan, seed: int) -> None:
    analysis = AnalyzeConfig.model_validate(_settings(workspace, Artefact.TGT_STATS))
    training = TrainConfig.model_validate(_settings(workspace, Artefact.MODEL_DATA))
    analyze(workspace_dir=folder, **dict(analysis))
    encode(workspace_dir=folder)
    limited = training.model_copy(
        update={
            "max_epochs": plan.max_epochs,
            "random_state": seed,
            "model_state_strategy": ModelStateStrategy.reset,
        }
    )
    train(workspace_dir=folder, **dict(limited))


def _settings(workspace: Workspace, artefact: Artefact) -> dict[str, Any]:
    return {name: value for name, value in workspace.manifest(artefact).config.items() if name not in _LATER}


def _guarantee(workspace: Workspace) -> tuple[float | None, float | None]:
    """Of statistics and training together; None where one of them gives none."""
    bound = workspace.manifest(Artefact.MODEL_DATA).facts.get("privacy")
    is_private = bool(workspace.manifest(Artefact.TGT_STATS).config.get("differential_privacy"))
    entries = workspace.ledger.entries()
    if not bound or not is_private or not entries:
        return None, None
    return entries[-1].cumulated_epsilon, entries[-1].cumulated_delta
