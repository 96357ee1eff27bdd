"""What the pipeline itself remembers of an artefact, beside the engine's manifest.

The files lie in the sensitive half of the workspace, one per asset. Each names the version of the artefact that it
speaks of, so that a record left behind by a crash, or by somebody who ran the engine by hand, is not believed.
Belongs here: facts that only the pipeline knows. Does not belong here: what a manifest says already.
"""

from pydantic import BaseModel, ConfigDict, ValidationError

from synth_engine.workspace import Workspace
from synth_pipeline.fidelity import Fidelity
from synth_pipeline.sources import Fingerprint

FOLDER = "OriginalData/pipeline"


class Record(BaseModel):
    """What is known of one version of an artefact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    seconds: float
    """How long it took to make; where several ops did, of all together."""
    run_id: str | None = None
    """The run that made it."""
    source: Fingerprint | None = None
    source_of_context: Fingerprint | None = None
    left_out: tuple[str, ...] = ()
    """Columns of the source that were not read."""
    twin_of_context: str | None = None
    """Digest of the synthetic rows of the parent that these were made for: of its context, or of what is given."""
    fidelity: Fidelity | None = None
    distributions: str | None = None
    """Their picture as markdown, which takes a while to draw; empty where there is nothing to show."""


def read_record(workspace: Workspace, asset: str, version: str | None) -> Record | None:
    """The record of this version of an asset; None where there is none, or one that cannot be read."""
    try:
        record = Record.model_validate_json(workspace.read_file(_name(asset)) or b"")
    except ValidationError:
        return None
    return record if record.version == version else None


def write_record(workspace: Workspace, asset: str, record: Record) -> None:
    """Remember."""
    workspace.write_file(_name(asset), record.model_dump_json(indent=1).encode())


def _name(asset: str) -> str:
    return f"{FOLDER}/{asset}.json"
