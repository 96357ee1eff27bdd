"""The tables that users bring: recognising whether their content has changed since last time.

Belongs here: what the pipeline needs to know of files outside the workspace. Does not belong here: reading tables,
which is the engine's (`synth_engine.io`).
"""

import hashlib
import hmac
import secrets
from typing import Any

import fsspec
from pydantic import BaseModel, ConfigDict

from synth_engine.domain import InputError

_CHUNK = 1 << 20


class Fingerprint(BaseModel):
    """What a source contained, as a salted hash: recognises the same content, and cannot be looked up elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    salt: str
    digest: str
    bytes: int


def fingerprint(url: str, salt: str | None = None) -> Fingerprint:
    """Fingerprint of a file, or of all files in a folder.

    With the salt of an earlier fingerprint it is equal to that one if the content is the same.

    Raises:
        InputError: there is nothing, or it cannot be read.
    """
    salt = secrets.token_hex(16) if salt is None else salt
    hashing, size = hmac.new(salt.encode(), digestmod=hashlib.sha256), 0
    try:
        fs, path = fsspec.url_to_fs(url)
        for name in _files(fs, path):
            hashing.update(name.removeprefix(path).encode())
            with fs.open(name, "rb") as file:
                while chunk := file.read(_CHUNK):
                    hashing.update(chunk)
                    size += len(chunk)
    except FileNotFoundError:
        raise InputError(f"source: expected a table at {url}, there is none; put it there or mend the source") from None
    except (OSError, ImportError, ValueError) as error:
        raise InputError(f"source: {url} cannot be read: {error}") from None
    return Fingerprint(salt=salt, digest=hashing.hexdigest(), bytes=size)


def _files(fs: Any, path: str) -> list[str]:
    return sorted(fs.find(path)) if fs.isdir(path) else [path]
