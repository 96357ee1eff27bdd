"""The model of a workspace, opened: all of it that generation needs, which lies in ``ModelStore``."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from synth_engine.stages.model_files import CONFIGS_FILE, ModelConfigs
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.workspace import Artefact, ArtefactReader, Manifest, Workspace


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """Files of a model, and what they say.

    Args:
        files: Of ``ModelStore/model-data``.
        statistics: Of the original table.
        configs: How the model was built.
        inputs: Manifests of all that was opened.
    """

    files: ArtefactReader
    statistics: TableStatistics
    configs: ModelConfigs
    inputs: Mapping[Artefact, Manifest]

    @classmethod
    def of(cls, workspace: Workspace, stacklevel: int) -> Self:
        """Open it, and warn where its training was interrupted; raises `ArtefactError` if there is none.

        Args:
            workspace: With a trained model.
            stacklevel: As in `warnings.warn`, of whoever called this.
        """
        stats = workspace.read(Artefact.TGT_STATS)
        model = workspace.read(Artefact.MODEL_DATA, made_from={Artefact.TGT_STATS: stats.manifest})
        if not model.manifest.facts.get("finished", True):
            warnings.warn(
                f"{workspace.folder(Artefact.MODEL_DATA)}: its training was interrupted, so the best model up to then "
                "is used; run train with model_state_strategy='RESUME' to go on with it",
                stacklevel=stacklevel + 1,
            )
        return cls(
            model,
            TableStatistics.model_validate(stats.json(FILE_NAME)),
            ModelConfigs.model_validate(model.json(CONFIGS_FILE)),
            {Artefact.MODEL_DATA: model.manifest, Artefact.TGT_STATS: stats.manifest},
        )
