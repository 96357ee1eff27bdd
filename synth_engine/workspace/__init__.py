"""Where things are: artefact layout, fsspec paths, atomic writes, manifests.

Belongs here: names of files, and how they are written whole and read safely. Does not belong here: what is in them.
"""

from synth_engine.workspace.artefacts import Artefact
from synth_engine.workspace.drafts import Draft, DraftFile
from synth_engine.workspace.ledger import Allowance, LedgerEntry
from synth_engine.workspace.manifest import Manifest, plain_name
from synth_engine.workspace.numbered import NumberedFile
from synth_engine.workspace.reader import ArtefactReader
from synth_engine.workspace.workspace import Workspace
from synth_engine.workspace.writer import ArtefactWriter

__all__ = [
    "Allowance",
    "Artefact",
    "ArtefactReader",
    "ArtefactWriter",
    "Draft",
    "DraftFile",
    "LedgerEntry",
    "Manifest",
    "NumberedFile",
    "Workspace",
    "plain_name",
]
