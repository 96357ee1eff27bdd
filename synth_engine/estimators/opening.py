"""The model of a workspace, opened to be asked: of rows, or of subjects and their events. With this comes torch."""

from typing import TypeAlias

from synth_engine.estimators.fitted_model import FittedModel
from synth_engine.estimators.fitted_sequences import FittedSequences
from synth_engine.stages.model_files import Described
from synth_engine.workspace import Artefact, Workspace

Fitted: TypeAlias = FittedModel | FittedSequences


def open_model(workspace: Workspace, device: str | None) -> Fitted:
    """Read ``ModelStore``; raises `ArtefactError` where there is no trained model."""
    stats = workspace.read(Artefact.TGT_STATS)
    model = workspace.read(Artefact.MODEL_DATA, made_from={Artefact.TGT_STATS: stats.manifest})
    described = Described.of_model(model)
    if described.has_subjects:
        return FittedSequences.open(model, described, device)
    return FittedModel.open(model, described.target, device)
