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
from synth_engine.workspace import drafts, sealing, storage
from synth_engine.workspace import staging as stagings
from synth_engine.workspace.artefacts import Artefact
from synth_engine.workspace.drafts import Draft, DraftFile
from synth_engine.workspace.ledger import Ledger
from synth_engine.workspace.manifest import FILE_NAME, Manifest, digest_of, sealed
from synth_engine.workspace.reader import ArtefactReader
from synth_engine.workspace.staging import Staging
from synth_engine.workspace.writer import ArtefactWriter

SEED = "random_state"
DRAFT = "draft"  # the fact of a manifest that tells of which draft an artefact was made
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
            digests = {source.folder: made.digest for source, made in (inputs or {}).items()}
            made = Manifest(
                **_provenance(artefact, self.recorded(config), digests),
                digest=writer.digest,
                row_counts=writer.row_counts,
                facts=writer.facts,
                files=writer.files,
            )
            with storage.explained(folder, "written"):
                (staging.folder / FILE_NAME).write_bytes(made.model_dump_json(indent=1).encode())
                staging.publish([*writer.files, FILE_NAME])
        finally:
            staging.discard()

    def begin_draft(self, artefact: Artefact, key: bytes, *, note: str, alone: bool) -> Draft:
        """Go on with a draft of an artefact that a former run left, or begin one; release it in the end.

        Args:
            artefact: Which one.
            key: Stands for all that the files depend on; see `keyed`.
            note: What to remember with a draft that is begun. Everybody can read it.
            alone: Work on it as the only one. If another process does so, a separate draft is begun.
        """
        folder = self.folder(artefact)
        with storage.explained(folder, "written"):
            stagings.sweep(self.folder(each) for each in Artefact)
            return drafts.begin(folder, key[:16].hex(), note, is_over=self._published(artefact), alone=alone)

    def open_draft(self, artefact: Artefact, key: str, draft_id: str, *, alone: bool) -> Draft | None:
        """Work on a draft that was begun before; None if it has been published or cleared away. Waits for its turn."""
        with storage.explained(self.folder(artefact), "written"):
            return drafts.open_again(self.folder(artefact), key, draft_id, alone=alone)

    def is_published(self, artefact: Artefact, draft_id: str) -> bool:
        """Whether the artefact that is there was made of this draft."""
        return self._published(artefact) == draft_id

    def publish(
        self,
        artefact: Artefact,
        draft: Draft,
        files: dict[str, DraftFile],
        *,
        config: dict[str, Any],
        inputs: dict[str, str],
    ) -> None:
        """Let files of a draft take the place of the artefact, and remove the draft.

        Args:
            artefact: Which one.
            draft: Where they are.
            files: All that the artefact will consist of.
            config: Settings to record, as `recorded` gives them.
            inputs: Digest of each artefact that it is made from, by folder.
        """
        entries = {name: file.entry for name, file in files.items()}
        with storage.explained(self.folder(artefact), "written"):
            manifest = Manifest(
                **_provenance(artefact, config, inputs),
                digest=digest_of(entries, self._hash_key()),
                row_counts={name: file.rows for name, file in files.items()},
                facts={DRAFT: draft.id},
                files=entries,
            )
            draft.publish(manifest, files)
        draft.discard()

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

    def read_file(self, name: str) -> bytes | None:
        """Content of a file beside the artefacts, None where there is none.

        Args:
            name: Its path below the root.
        """
        path = self.root / name
        return storage.read_inside(path.parent, path.name)

    def write_file(self, name: str, data: bytes) -> None:
        """Write a file beside the artefacts, as a whole. A link in its place is replaced, and leads nowhere any more.

        Args:
            name: Its path below the root.
            data: Its content.
        """
        path = self.root / name
        with storage.explained(path, "written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            storage.put(path, data)

    def remove(self, artefact: Artefact) -> None:
        """Remove an artefact, if it is there."""
        with storage.explained(self.folder(artefact), "removed"):
            storage.remove(self.folder(artefact))

    def _published(self, artefact: Artefact) -> str | None:
        try:
            made = self._find_manifest(artefact)
        except ArtefactError:  # damaged, and about to be replaced
            return None
        return None if made is None else made.facts.get(DRAFT)

    def _find_manifest(self, artefact: Artefact) -> Manifest | None:
        path = self.folder(artefact) / FILE_NAME
        text = storage.read_inside(self.folder(artefact), FILE_NAME)
        if text is None:
            with storage.explained(path, "read"):
                stagings.recover(self.folder(artefact))
            text = storage.read_inside(self.folder(artefact), FILE_NAME)
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


def _provenance(artefact: Artefact, config: dict[str, Any], inputs: dict[str, str]) -> dict[str, Any]:
    return {
        "artefact": artefact.folder,
        "stage": artefact.made_by,
        "engine_version": __version__,
        "inputs": inputs,
        "config": config,
    }
