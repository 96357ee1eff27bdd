"""What the workspace's tests share: a small artefact, and a picture of a whole workspace."""

from pathlib import Path

from synth_engine.workspace import Artefact, Workspace

# Spaces, letters of all kinds, and what shells, URLs and patterns give a meaning.
AWKWARD = "my ws ü 漢 [a-z]*? 1% it's"


def put(workspace: Workspace, text: str, n_files: int = 3, artefact: Artefact = Artefact.TGT_DATA) -> None:
    """Write an artefact all of whose files hold the same text."""
    with workspace.replace(artefact, config={}) as writer:
        for i in range(n_files):
            writer.write_bytes(f"file{i}", text.encode())


def content(workspace: Workspace, artefact: Artefact = Artefact.TGT_DATA) -> dict[str, bytes]:
    """All files of an artefact, read the safe way."""
    reader = workspace.read(artefact)
    return {name: reader.bytes(name) for name in reader.manifest.files}


def tree(workspace: Workspace) -> dict[str, bytes]:
    """Every file below a workspace, hidden ones too, with its bytes."""
    fs, root = workspace.root.fs, workspace.root.path
    fs.invalidate_cache()
    return {name.removeprefix(root): fs.cat_file(name) for name in fs.find(root)}


def local_tree(root: Path) -> dict[str, bytes]:
    """The same for a local folder."""
    return tree(Workspace(root))
