"""What a report depends on besides artefacts.

Belongs here: settings that are compared with those of the report that is there. Does not belong here: the
dataset's file.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from synth_pipeline.catalog import DatasetConfig, ReleaseConfig

SEED = 0


class ReportSettings(BaseModel):
    """What a report is made with; with other settings it is made anew."""

    model_config = ConfigDict(frozen=True)

    name: str
    seed: int
    qa: bool
    limits: dict[str, Any]

    @classmethod
    def of(cls, dataset: str, config: DatasetConfig) -> Self:
        """Those of a dataset."""
        release = release_of(config)
        return cls(name=dataset, seed=SEED, qa=release.qa, limits=release.limits.model_dump(mode="json"))


def release_of(config: DatasetConfig) -> ReleaseConfig:
    """What is said of the release, or the defaults."""
    return config.release or ReleaseConfig()
