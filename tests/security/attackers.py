"""What an attacker does who can write into a workspace: files of his own, and manifests that agree with them."""

import hashlib
import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from synth_engine.workspace import Artefact, Workspace

MANIFEST = "_manifest.json"


class MakesFolder:
    """An object whose pickle makes a folder when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def pickles(marker: Path) -> dict[str, bytes]:
    """Files that would make a folder: a plain pickle, one as old versions of torch wrote it, one as new ones do."""
    files = {"plain": pickle.dumps(MakesFolder(marker))}
    for name, zipped in (("old torch", False), ("new torch", True)):
        file = io.BytesIO()
        torch.save({"weight": MakesFolder(marker)}, file, _use_new_zipfile_serialization=zipped)
        files[name] = file.getvalue()
    return files


def swap(workspace: Workspace, artefact: Artefact, name: str, content: bytes) -> None:
    """Replace a file, and let the manifest say that this is right."""
    folder = Path(workspace.folder(artefact).path)
    (folder / name).write_bytes(content)
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    rewrite(workspace, artefact, lambda manifest: manifest["files"].update({name: entry}))


def rewrite(workspace: Workspace, artefact: Artefact, change: Any) -> None:
    """Change what a manifest says."""
    path = Path(workspace.folder(artefact).path) / MANIFEST
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest))
