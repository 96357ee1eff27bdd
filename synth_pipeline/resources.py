"""Resources: where workspaces and datasets lie, and who listens to the progress of a run.

Belongs here: what a deployment may set. Does not belong here: what a dataset says (`catalog`).
"""

from collections.abc import Mapping
from typing import Any

from dagster import ConfigurableResource
from pydantic import Field
from upath import UPath

from synth_engine.domain import ProgressCallback
from synth_engine.workspace import Workspace
from synth_pipeline.catalog import Catalog
from synth_pipeline.places import DATASETS_VARIABLE, STORAGE_VARIABLE, datasets_folder, default_root


class Storage(ConfigurableResource[None]):
    """Where the pipeline's files are. What is left empty is found when it is needed, on the machine that needs it."""

    root: str = Field(
        default="",
        description=f"Path or fsspec URL; the workspace of a dataset is the folder of its name below. "
        f"Empty: ${STORAGE_VARIABLE}, or else $DAGSTER_HOME/storage/synth.",
    )
    datasets: str = Field(
        default="",
        description=f"Path or fsspec URL of the folder with one YAML file per dataset. "
        f"Empty: ${DATASETS_VARIABLE}, or else the folder 'datasets' below the root.",
    )

    @property
    def folder(self) -> UPath:
        """The root of all workspaces."""
        return UPath(self.root or default_root())

    @property
    def catalog(self) -> Catalog:
        """The catalogue of datasets."""
        return Catalog(UPath(self.datasets) if self.datasets else datasets_folder(self.folder))

    def workspace(self, dataset: str) -> Workspace:
        """A dataset's workspace."""
        return Workspace(self.folder / dataset)


class Listener:
    """Hears of every stage of a run; this one ignores it. that of `synth_pipeline.demo` shows it in the terminal."""

    def started(self, stage: str) -> ProgressCallback | None:
        """A stage is about to run; returns what the engine shall call while it works."""
        return None

    def finished(self, stage: str, metadata: Mapping[str, Any]) -> None:
        """A stage has ended; `metadata` is what its asset shows."""
