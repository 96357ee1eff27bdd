"""The model of a workspace, opened to be asked: of rows, of subjects with events, of written records. Needs torch."""

from typing import TYPE_CHECKING, TypeAlias

from synth_engine.domain import ModelType
from synth_engine.estimators.fitted_model import FittedModel
from synth_engine.estimators.fitted_sequences import FittedSequences
from synth_engine.stages.model_files import Described
from synth_engine.stages.models import check_installed
from synth_engine.workspace import Artefact, Workspace

if TYPE_CHECKING:  # needs the libraries of language models, which not everybody has
    from synth_engine.estimators.fitted_records import FittedRecords

Fitted: TypeAlias = "FittedModel | FittedSequences | FittedRecords"


def open_model(workspace: Workspace, device: str | None) -> Fitted:
    """Read ``ModelStore``; raises `ArtefactError` where there is no trained model."""
    stats = workspace.read(Artefact.TGT_STATS)
    model = workspace.read(Artefact.MODEL_DATA, made_from={Artefact.TGT_STATS: stats.manifest})
    described = Described.of_model(model)
    if described.model_type is ModelType.LANGUAGE:
        check_installed(ModelType.LANGUAGE)
        from synth_engine.estimators.fitted_records import FittedRecords

        return FittedRecords.open(model, described, device)
    if described.has_subjects:
        return FittedSequences.open(model, described, device)
    return FittedModel.open(model, described.target, device)
