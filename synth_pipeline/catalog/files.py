"""Files of the catalogue's folder: listed, read and written as a whole, locally and on object stores.

Belongs here: bytes at places. Does not belong here: what is in them.
"""

import os
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from upath import UPath

from synth_engine.domain import harmless
from synth_pipeline.catalog.documents import too_large
from synth_pipeline.catalog.errors import CatalogError, Problem

_SUFFIXES = (".yaml", ".yml")
_AT_ONCE = 32
# The clients of object stores raise errors of their own beside OSError.
_CLIENT_LIBRARIES = {"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google"}


def sizes(folder: UPath) -> dict[str, int | None]:
    """Names of the YAML files in a folder, and their sizes in bytes where the store tells; {} where there is none.

    Files that begin with a dot are left out: programs put there what is not ready.
    """
    with _explained(folder, "read"):
        try:
            _forget(folder)
            entries = folder.fs.ls(folder.path, detail=True)
        except FileNotFoundError:
            return {}
        if folder.fs.isfile(folder.path):
            raise CatalogError(f"{folder}: expected a folder with a YAML file per dataset, found a file")
    found = {}
    for entry in entries:
        name = str(entry["name"]).rstrip("/").replace("\\", "/").rsplit("/", 1)[-1]
        if entry["type"] != "directory" and name.lower().endswith(_SUFFIXES) and not name.startswith("."):
            found[name] = entry.get("size")
    return dict(sorted(found.items()))


def read(path: UPath, max_bytes: int) -> bytes | None:
    """Content of a file, None where there is none; raises `CatalogError` for larger ones without reading them."""
    with _explained(path, "read"), suppress(FileNotFoundError, NotADirectoryError):
        _forget(path)  # a remembered size would cut a newer content short
        size = path.fs.size(path.path)
        if size is not None and size > max_bytes:
            raise too_large(str(path), size)
        return bytes(path.fs.cat_file(path.path))
    return None


def read_many(paths: Mapping[str, UPath]) -> dict[str, bytes | CatalogError]:
    """Contents of files that have been listed, or why they cannot be read; several at once."""

    def read_one(path: UPath) -> bytes | CatalogError:
        try:
            with _explained(path, "read"):
                return bytes(path.fs.cat_file(path.path))
        except CatalogError as error:
            return error
        except FileNotFoundError:
            return CatalogError(Problem(str(path), "expected a file, found none any more, or a link to nothing"))

    if not paths:
        return {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(paths, pool.map(read_one, paths.values()), strict=True))


def write(path: UPath, content: bytes, *, replace: bool = True) -> None:
    """Write a file as a whole; folders on the way are made.

    Raises:
        FileExistsError: it is there, and not to be replaced.
        CatalogError: it cannot be written.
    """
    with _explained(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_local(path):
            _write_local(Path(path.path), content, replace)
            return
        _forget(path)
        if not replace and path.fs.exists(path.path):
            raise FileExistsError(str(path))
        path.fs.pipe_file(path.path, content)


def write_changed(path: UPath, content: bytes) -> None:
    """Write a file, unless it is so already."""
    with _explained(path, "read"), suppress(FileNotFoundError):
        if bytes(path.fs.cat_file(path.path)) == content:
            return
    write(path, content)


def is_local(path: UPath) -> bool:
    """Whether a path is on a disk of this machine."""
    return path.protocol in ("", "file", "local")


def _write_local(path: Path, content: bytes, replace: bool) -> None:
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}"
    try:
        temporary.write_bytes(content)
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # of several at once the first one wins
    finally:
        temporary.unlink(missing_ok=True)


def _forget(path: UPath) -> None:
    """Let the store be asked again; its clients remember what they have listed, and others write there too."""
    path.fs.invalidate_cache(path.path)
    path.fs.invalidate_cache(path.parent.path)


@contextmanager
def _explained(path: UPath, action: str) -> Iterator[None]:
    try:
        yield
    except (CatalogError, FileExistsError):
        raise
    except FileNotFoundError:
        if action == "read":
            raise
        raise CatalogError(Problem(str(path), "cannot be written: there is no such folder or bucket")) from None
    except Exception as error:
        library = type(error).__module__.partition(".")[0]
        if not isinstance(error, OSError | NotImplementedError) and library not in _CLIENT_LIBRARIES:
            raise
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise CatalogError(Problem(str(path), f"cannot be {action}: {reason}")) from harmless(error)
