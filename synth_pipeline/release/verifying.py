"""Verifying a publication: its signature, and every file against the evidence."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from upath import UPath

from synth_engine.domain import UserError
from synth_engine.workspace import plain_name
from synth_pipeline.release.evidence import Evidence
from synth_pipeline.release.publishing import EVIDENCE, LATEST, PUBLIC_KEY, SIGNATURE

_CHUNK = 1 << 20


def verify(folder: UPath, public_key: Path | None = None) -> tuple[list[str], list[str]]:
    """Check a publication.

    Args:
        folder: Of one publication, or of a dataset, of which the latest is checked.
        public_key: Of whoever is to have signed. None takes the one that lies beside, which shows only that nothing
            was changed since by somebody without the private key.

    Returns:
        What holds, and what does not; the latter is empty where all is well.

    Raises:
        UserError: there is no publication, or the key is none.
    """
    from synth_pipeline.release.signing import is_signed

    folder = _one_publication(folder)
    content, signature_text = (_read(folder, name) for name in (EVIDENCE, SIGNATURE))
    try:
        signature = base64.b64decode(signature_text.strip(), validate=True)
    except binascii.Error:
        return [], [f"{SIGNATURE} is no signature"]
    public, whose = _public_key(folder, public_key)
    if not is_signed(content, signature, public):
        return [], [f"{EVIDENCE} was not signed with {whose}, or was changed since"]
    try:
        evidence = Evidence.model_validate_json(content)
    except ValidationError:
        return [], [f"{EVIDENCE} is not of a version that this program understands"]
    wrong = list(_wrong_files(folder, evidence))
    holds = [
        f"{evidence.dataset}, version {evidence.version}, published {evidence.published:%Y-%m-%d %H:%M} UTC",
        f"signed with {whose}",
        f"{len(evidence.files)} files are as they were published" if not wrong else "",
        "all checks that block had passed"
        if evidence.override is None
        else f"published against {len(evidence.verdict.blocking)} checks by {evidence.override.by}: "
        f"{evidence.override.reason}",
    ]
    return [line for line in holds if line], wrong


def _read(folder: UPath, name: str) -> bytes:
    try:
        return bytes((folder / name).read_bytes())
    except FileNotFoundError:
        raise UserError(f"{folder}: expected a publication, found no {name} in it") from None


def _one_publication(folder: UPath) -> UPath:
    latest = folder / LATEST
    if not latest.exists():
        return folder
    try:
        return folder / plain_name(str(json.loads(latest.read_bytes())["version"]))
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{latest}: expected the name of a version, it is damaged") from None


def _public_key(folder: UPath, named: Path | None) -> tuple[bytes, str]:
    path = UPath(named) if named is not None else folder.parent.parent / PUBLIC_KEY
    try:
        return path.read_bytes(), f"the key {path}"
    except OSError:
        raise UserError(f"{path}: expected a public key, it cannot be read; name one with --key") from None


def _wrong_files(folder: UPath, evidence: Evidence) -> Iterator[str]:
    for name, expected in evidence.files.items():
        if ".." in name.split("/") or name.startswith("/"):
            yield f"{name} is no place inside the publication"
            continue
        hashing = hashlib.sha256()
        try:
            with (folder / name).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    hashing.update(chunk)
        except OSError:
            yield f"{name} is missing"
            continue
        if hashing.hexdigest() != expected:
            yield f"{name} is not what was published"
    found = {path.name for path in (folder / "data").iterdir()} if (folder / "data").exists() else set()
    for name in sorted(found - {name.removeprefix("data/") for name in evidence.files}):
        yield f"data/{name} was not published"
