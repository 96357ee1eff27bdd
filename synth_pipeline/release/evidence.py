"""Evidence: what was published, from what, with which settings, and what the gate said of it.

Belongs here: what a reader of the published rows may know. Does not belong here: secrets and seeds, which are left out;
signing, writing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from synth_engine.domain import UserError, without_secrets
from synth_engine.report import Verdict
from synth_engine.workspace import Artefact, LedgerEntry, Manifest
from synth_pipeline.catalog import DatasetConfig

FORMAT = 1
_MIN_REASON = 10
_SEED = "random_state"


class Override(BaseModel):
    """Who publishes against the verdict, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str
    reason: str

    @classmethod
    def of(cls, by: str, reason: str) -> Self | None:
        """None where neither is said; raises `UserError` where only half is."""
        by, reason = by.strip(), reason.strip()
        if not by and not reason:
            return None
        if not by or len(reason) < _MIN_REASON:
            raise UserError(
                f"override: expected who publishes against the verdict (override_by) and a reason of at least "
                f"{_MIN_REASON} characters (override_reason), found {by!r} and {reason!r}"
            )
        return cls(by=by, reason=reason)


class Evidence(BaseModel):
    """What is signed.

    Args:
        dataset: Its name.
        version: Of the publication: stands for rows, report, model and settings.
        published: When, UTC.
        run_id: Of the run that published.
        files: SHA-256 of each published file, by its name below the publication.
        model: SHA-256 of each file of the model, and the digests of what it was made from, by folder.
        settings: The dataset's, without seeds and passwords.
        ledger: What of people's privacy was spent in the workspace.
        versions: Of the libraries.
        verdict: All findings of the gate.
        override: Who published against it, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    dataset: str
    version: str
    published: datetime
    run_id: str
    files: dict[str, str]
    model: dict[str, str]
    inputs: dict[str, str]
    settings: dict[str, Any]
    ledger: list[LedgerEntry] = Field(default_factory=list)
    versions: dict[str, str]
    verdict: Verdict
    override: Override | None

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        if not self.verdict.passed and self.override is None:
            raise ValueError("expected a verdict that allows publishing, or who overrides it and why")
        return self


def model_files(manifest: Manifest) -> dict[str, str]:
    """SHA-256 of each file of the model."""
    return {f"{Artefact.MODEL_DATA.folder}/{name}": entry.sha256 for name, entry in manifest.files.items()}


def told_settings(config: DatasetConfig) -> dict[str, Any]:
    """Settings of a dataset that anybody may know."""
    told: dict[str, Any] = _told(config.model_dump(mode="json", exclude_none=True))
    return told


def _told(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _told(each) for name, each in value.items() if name != _SEED}
    if isinstance(value, list | tuple):
        return [_told(each) for each in value]
    return without_secrets(value) if isinstance(value, str) else value
