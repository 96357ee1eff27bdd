"""A workspace: a folder on any file system that fsspec knows, read and written artefact by artefact."""

import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from upath import UPath

from synth_engine._version import __version__
from synth_engine.domain import ArtefactError
from synth_engine.workspace import sealing, storage
from synth_engine.workspace import staging as stagings
from synth_engine.workspace.artefacts import Artefact
from synth_engine.workspace.ledger import Ledger
from synth_engine.workspace.manifest import FILE_NAME, Manifest, sealed
from synth_engine.workspace.reader import ArtefactReader
from synth_engine.workspace.staging import Staging
from synth_engine.workspace.writer import ArtefactWriter

SEED = "random_state"
_KEY_FILE = "OriginalData/hash-key"
Inputs = Mapping[Artefact, Manifest | ArtefactWriter]


class Workspace:
    """Access to the artefacts below one root.

    Guarantees: an artefact is replaced as a whole or not at all; what was there stays until its successor is complete
    (on object stores: until its successor is uploaded; a crash while it is put in place leaves it visibly incomplete).
    Several processes may write: on a local disk the last one to finish wins; on object stores, writers of the same
    artefact at the same moment can leave one whose files do not match its manifest, which reading tells.
    """

    def __init__(self, root: str | Path | UPath) -> None:
        self.root = storage.open_root(root)

    @property
    def ledger(self) -> Ledger:
        """What of people's privacy was spent in this workspace."""
        return Ledger(self.root)

    def folder(self, artefact: Artefact) -> UPath:
        """Where an artefact lies."""
        return self.root / artefact.folder

    def has(self, artefact: Artefact) -> bool:
        """Whether the artefact is there, complete."""
        return self._find_manifest(artefact) is not None

    def manifest(self, artefact: Artefact) -> Manifest:
        """The artefact's manifest; raises `ArtefactError` where it is missing or unreadable."""
        found = self._find_manifest(artefact)
        if found is None:
            raise ArtefactError(self._missing(artefact))
        return found

    def read(self, artefact: Artefact, *, made_from: Mapping[Artefact, Manifest] | None = None) -> ArtefactReader:
        """Open an artefact for reading.

        Args:
            artefact: Which one.
            made_from: Manifests that it must have been made from; guards against, say, statistics of other data.
        """
        found = self.manifest(artefact)
        for source, expected in (made_from or {}).items():
            if found.inputs.get(source.folder) != expected.digest:
                raise ArtefactError(
                    f"{self.folder(artefact)}: was made from another version of {source.folder} than the one in the "
                    f"workspace; run {artefact.made_by} again"
                )
        return ArtefactReader(self.folder(artefact), found, lambda: self.manifest(artefact))

    @contextmanager
    def replace(
        self, artefact: Artefact, *, config: dict[str, Any], inputs: Inputs | None = None
    ) -> Iterator[ArtefactWriter]:
        """Write an artefact. It takes its place when the block ends without an exception, otherwise nothing changes.

        Args:
            artefact: Which one.
            config: Settings to record; see `recorded`.
            inputs: What it is made from: manifests, or writers of artefacts that take their place after this one.
        """
        folder = self.folder(artefact)
        with storage.explained(folder, "written"):
            stagings.sweep(self.folder(each) for each in Artefact)
            key = self._hash_key()
            staging = Staging(folder)
        try:
            writer = ArtefactWriter(folder, staging.folder, key)
            yield writer
            made = _manifest_of(artefact, writer, self.recorded(config), inputs or {})
            with storage.explained(folder, "written"):
                (staging.folder / FILE_NAME).write_bytes(made.model_dump_json(indent=1).encode())
                staging.publish([*writer.files, FILE_NAME])
        finally:
            staging.discard()

    def recorded(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Settings as a manifest records them: the seed sealed, so that it can be compared but not read.

        Manifests are handed over, and a seed that is known undoes the randomised thresholds that it was used for, if
        not in this stage then in another one.
        """
        seed = config.get(SEED)
        return {**config, SEED: f"sealed-{sealed(seed, self._hash_key())}"} if seed is not None else dict(config)

    def keyed(self, *purpose: str | int) -> bytes:
        """A key of 32 bytes for one purpose, known only to who has ``OriginalData``; the same each time."""
        text = "\x1f".join(str(part) for part in purpose)
        return hmac.digest(self._hash_key(), text.encode(), "sha256")

    def seal(self, secret: bytes) -> str:
        """Hide a secret of at most 32 bytes from everyone without ``OriginalData``."""
        return sealing.seal(secret, self._hash_key())

    def unseal(self, text: str) -> bytes:
        """The secret; raises `ValueError` where it was sealed in another workspace."""
        return sealing.unseal(text, self._hash_key())

    def remove(self, artefact: Artefact) -> None:
        """Remove an artefact, if it is there."""
        with storage.explained(self.folder(artefact), "removed"):
            storage.remove(self.folder(artefact))

    def _find_manifest(self, artefact: Artefact) -> Manifest | None:
        path = self.folder(artefact) / FILE_NAME
        text = storage.read(path)
        if text is None:
            with storage.explained(path, "read"):
                stagings.recover(self.folder(artefact))
            text = storage.read(path)
        if text is None:
            return None
        try:
            return Manifest.from_json(text)
        except ValueError as error:
            raise ArtefactError(f"{path}: {error}; run {artefact.made_by} again") from None

    def _missing(self, artefact: Artefact) -> str:
        folder = self.folder(artefact)
        state = f"is incomplete (no {FILE_NAME})" if storage.file_names(folder) else "does not exist"
        return f"{folder}: {state}; run {artefact.made_by} first"

    def _hash_key(self) -> bytes:
        path = self.root / _KEY_FILE
        if storage.read(path) is None:
            storage.create(path, secrets.token_hex(32).encode())
        key = storage.read(path)
        if key is None or not re.fullmatch(rb"[0-9a-f]{64}", key):
            raise ArtefactError(f"{path}: expected 64 hexadecimal digits; remove it, a new one will be made")
        return key


def _manifest_of(artefact: Artefact, writer: ArtefactWriter, config: dict[str, Any], inputs: Inputs) -> Manifest:
    return Manifest(
        artefact=artefact.folder,
        stage=artefact.made_by,
        engine_version=__version__,
        digest=writer.digest,
        inputs={source.folder: made.digest for source, made in inputs.items()},
        config=config,
        row_counts=writer.row_counts,
        facts=writer.facts,
        files=writer.files,
    )
