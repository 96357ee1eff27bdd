"""The manifest: what an artefact consists of, from what it was made, with which settings."""

import hashlib
import hmac
import json
from pathlib import PureWindowsPath
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

# The underscore keeps it out of Parquet datasets, so that reading the folder SyntheticData as a whole just works.
FILE_NAME = "_manifest.json"
FORMAT = 1


def plain_name(name: str) -> str:
    """The name, if it is that of a file directly in a folder, on any system; otherwise raises `ValueError`.

    >>> plain_name("part.000000.parquet")
    'part.000000.parquet'
    """
    if name in ("", ".", "..") or "\0" in name or PureWindowsPath(name).name != name:
        raise ValueError(f"expected the name of a file, found {name!r}")
    return name


FileName = Annotated[str, AfterValidator(plain_name)]


class FileEntry(BaseModel):
    """One file of an artefact: SHA-256 of its bytes, and its size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int


class Manifest(BaseModel):
    """Written last, so its presence says that the artefact is complete.

    Guarantees: `digest` is the same for the same files in the same workspace, and says nothing about them to anyone
    without the workspace's key (a plain hash of sensitive data in the shareable half of the workspace would let a
    reader confirm a guess of the whole table). All `files` lie directly in the folder of the artefact.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    artefact: str
    stage: str
    engine_version: str
    digest: str
    inputs: dict[str, str]
    config: dict[str, Any]
    row_counts: dict[FileName, int]
    facts: dict[str, Any] = {}
    files: dict[FileName, FileEntry]

    @property
    def total_bytes(self) -> int:
        """Size of all files together, in bytes."""
        return sum(entry.bytes for entry in self.files.values())

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Parse a manifest; raises `ValueError` that says what is wrong with it."""
        try:
            found = json.loads(text)
        except ValueError:
            raise ValueError("is damaged, it is not JSON") from None
        written_as = found.get("format") if isinstance(found, dict) else None
        if written_as != FORMAT:
            raise ValueError(f"has format {written_as!r}, this version of synth_engine reads format {FORMAT}")
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            fields = sorted({".".join(str(part) for part in item["loc"]) for item in error.errors()})
            raise ValueError(f"is damaged at {', '.join(fields)}") from None


def digest_of(files: dict[str, FileEntry], key: bytes) -> str:
    """Keyed digest (HMAC-SHA256) of a set of files."""
    text = json.dumps({name: files[name].sha256 for name in sorted(files)})
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def sealed(value: object, key: bytes) -> str:
    """Keyed digest of a value: tells whether two are the same, and nothing else to anyone without the key."""
    return hmac.new(key, repr(value).encode(), hashlib.sha256).hexdigest()[:32]
