"""A workspace that somebody has tampered with, who can also make its manifests fit: nothing is run, nothing is left."""

import hashlib
import json
import os
import pickle
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from synth_engine import analyze, encode, generate, split, train
from synth_engine.demo import make_shop
from synth_engine.domain import UserError
from synth_engine.report import measure_report
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.manifest import FILE_NAME, FileEntry, digest_of

VERBS = {
    "analyze": analyze,
    "encode": encode,
    "train": lambda **where: train(max_epochs=2, model_state_strategy="RESUME", **where),
    "reuse": lambda **where: train(max_epochs=1, model_state_strategy="REUSE", **where),
    "generate": lambda **where: generate(sample_size=10, **where),
    "report": measure_report,
}


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.mark,)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("security") / "ws"
    split(make_shop(200, seed=0).customers, tgt_primary_key="customer_id", workspace_dir=root, random_state=0)
    analyze(workspace_dir=root, random_state=0)
    encode(workspace_dir=root)
    train(workspace_dir=root, max_epochs=1, random_state=0)
    generate(workspace_dir=root, sample_size=20, random_state=0)
    return root


@pytest.fixture
def workspace(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "ws"))


def rewritten(root: Path, artefact: Artefact, files: dict[str, bytes], **changes: Any) -> None:
    """Put files there and let the manifest fit, as somebody can who can write to the folder and has the key."""
    folder = root / artefact.folder
    manifest = json.loads((folder / FILE_NAME).read_text())
    for name, content in files.items():
        if (folder / name).is_file():
            (folder / name).write_bytes(content)
        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        manifest["row_counts"].setdefault(name, 0)
    entries = {name: FileEntry(**entry) for name, entry in manifest["files"].items()}
    manifest |= {"digest": digest_of(entries, (root / "OriginalData" / "hash-key").read_bytes()), **changes}
    (folder / FILE_NAME).write_text(json.dumps(manifest))


def test_bombs_go_off(tmp_path: Path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "mark")))
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("artefact", [a for a in Artefact if a not in (Artefact.REPORT, Artefact.SUMMARIES)])
def test_no_file_is_unpickled(workspace: Path, artefact: Artefact, tmp_path: Path):
    """Each file in turn; every verb either does not need it, or says what is wrong."""
    folder = workspace / artefact.folder
    names = [path.name for path in folder.iterdir() if path.name != FILE_NAME] if folder.exists() else []
    mark, refused = tmp_path / "mark", 0
    for name in names:
        copy = Path(shutil.copytree(workspace, tmp_path / f"ws-{name}"))
        rewritten(copy, artefact, {name: pickle.dumps(Bomb(mark), protocol=2)})
        for verb in VERBS.values():
            try:
                verb(workspace_dir=copy)
            except UserError:
                refused += 1
            assert not mark.exists(), f"{name} was unpickled"
    assert refused >= len(names) - 1  # the log of a training's progress is never read by a verb


@pytest.mark.parametrize(
    "name", ["../outside.parquet", "/etc/hostname", "part.000000/../../../outside.parquet", "..", ""]
)
def test_manifests_name_no_file_elsewhere(workspace: Path, name: str, tmp_path: Path):
    secret = tmp_path / "outside.parquet"
    shutil.copy(next((workspace / Artefact.TGT_DATA.folder).glob("*-trn.parquet")), secret)
    rewritten(workspace, Artefact.TGT_DATA, {name: secret.read_bytes()})
    with pytest.raises(UserError, match=r"files"):
        analyze(workspace_dir=workspace)
    assert secret.exists()


@pytest.mark.parametrize("key", ["../../outside", "/tmp"])
def test_replacing_an_artefact_removes_nothing_elsewhere(workspace: Path, key: str, tmp_path: Path):
    """What the former manifest says of files is not believed when these go."""
    outside = tmp_path / "outside"
    outside.write_text("still here")
    rewritten(workspace, Artefact.SYNTHETIC_DATA, {key: b"still here"})
    generate(workspace_dir=workspace, sample_size=5, random_state=0)
    assert outside.read_text() == "still here"
    assert len(Workspace(workspace).read(Artefact.SYNTHETIC_DATA).parts()) == 1


def test_a_link_in_place_of_an_artefact_is_replaced_and_not_followed(workspace: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("still here")
    shutil.rmtree(workspace / Artefact.SYNTHETIC_DATA.folder)
    (workspace / Artefact.SYNTHETIC_DATA.folder).symlink_to(outside)
    with suppress(UserError):
        generate(workspace_dir=workspace, sample_size=5, random_state=0)
    assert [path.name for path in outside.iterdir()] == ["precious.txt"]
