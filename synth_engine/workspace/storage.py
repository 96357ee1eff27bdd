"""The few things asked of a file system, local or remote, with errors that say which place they are about.

Belongs here: single files and folders. Does not belong here: artefacts, manifests, what is replaced by what.
No function takes a pattern: a ``*`` or ``[`` in a path is a character like any other.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upath import UPath

from synth_engine.domain import ArtefactError, InputError
from synth_engine.workspace import local

# The clients of object stores raise errors of their own beside OSError.
_CLIENT_LIBRARIES = {"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google"}


def open_root(root: str | Path | UPath) -> UPath:
    """The place of a workspace: local ones absolute, so that a later change of directory does not move them.

    Raises:
        InputError: not a path, or a URL that nothing installed can open.
    """
    if isinstance(root, str) and not root.strip():
        raise InputError("workspace_dir: expected a path or a URL, found an empty text")
    try:
        path = UPath(root)
        _ = path.fs
    except (ImportError, ValueError, TypeError) as error:
        raise InputError(f"workspace_dir: {root!r} is not a path or URL that can be opened: {error}") from error
    if not is_local(path):
        return path
    if isinstance(root, str) and "://" in root and not root.startswith(("file://", "local://")):
        raise InputError(f"workspace_dir: {root!r} is neither a path nor a URL of a known kind")
    return UPath(local_path(path).expanduser().absolute())


def is_local(path: UPath) -> bool:
    """Whether the path is on a disk of this machine."""
    return path.protocol in ("", "file", "local")


def local_path(path: UPath) -> Path:
    """A local path as the standard library has it."""
    return Path(path.path)


@contextmanager
def explained(place: UPath, action: str) -> Iterator[None]:
    """Turn errors of the storage into an `ArtefactError` that names the place.

    Args:
        place: What the block works on.
        action: What the block does to it: ``"read"``, ``"written"``.
    """
    try:
        yield
    except Exception as error:
        if not _is_of_storage(error):
            raise
        advice = "" if action == "read" else "; make it writable, make room, or choose another workspace_dir"
        raise ArtefactError(f"{place}: cannot be {action}: {_reason(error)}{advice}") from error


def _is_of_storage(error: Exception) -> bool:
    library = type(error).__module__.partition(".")[0]
    if library == "pyarrow":  # its errors are about the data
        return False
    return isinstance(error, OSError | NotImplementedError) or library in _CLIENT_LIBRARIES


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    return str(error) or type(error).__name__


def read(path: UPath) -> bytes | None:
    """Content of a file, None where there is none."""
    with explained(path, "read"), suppress(FileNotFoundError, NotADirectoryError):
        if is_local(path):
            return local_path(path).read_bytes()
        path.fs.invalidate_cache(path.path)  # a remembered size would cut a newer content short
        return bytes(path.fs.cat_file(path.path))
    return None


def create(path: UPath, data: bytes) -> None:
    """Write a file as a whole, unless it is there; of several processes at once the first one wins."""
    if is_local(path):
        local.create(local_path(path), data)
        return
    try:
        path.fs.pipe_file(path.path, data, mode="create")
    except OSError:
        if read(path) is None:  # not because it exists: perhaps a store that knows no conditional writes
            path.fs.pipe_file(path.path, data)


def update(path: UPath, change: Callable[[bytes | None], bytes]) -> None:
    """Replace a file by what `change` makes of its content, None where there is none; on a local disk in one step."""
    if is_local(path):
        local.update(local_path(path), change)
    else:
        path.fs.pipe_file(path.path, change(read(path)))


def file_names(folder: UPath) -> list[str]:
    """Names of the files directly in a folder; empty where there is no such folder."""
    return [name for name, kind in _entries(folder) if kind == "file"]


def folder_names(folder: UPath) -> list[str]:
    """Names of the folders directly in a folder; empty where there is no such folder."""
    return [name for name, kind in _entries(folder) if kind == "directory"]


def _entries(folder: UPath) -> list[tuple[str, str]]:
    folder.fs.invalidate_cache(folder.path)
    try:
        entries = folder.fs.ls(folder.path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    split = [(entry["name"].rstrip("/").rpartition("/"), entry["type"]) for entry in entries]
    # A store may list the folder itself as an empty object, and a file as the only entry of itself.
    here = folder.path.strip("/")
    return sorted((name, kind) for (parent, _, name), kind in split if parent.strip("/") == here)


def last_modified(folder: UPath) -> float | None:
    """When the newest file of a folder was written, in seconds since 1970; None where nothing tells."""
    times = [local_path(folder).stat().st_mtime] if is_local(folder) else []
    with suppress(FileNotFoundError, NotImplementedError):
        times += [folder.fs.modified((folder / name).path).timestamp() for name in file_names(folder)]
    return max(times, default=None)


def remove(path: UPath) -> None:
    """Remove a file, or a folder with all that is in it, if it exists."""
    if is_local(path):
        local.remove(local_path(path))
        return
    path.fs.invalidate_cache()
    for name in path.fs.find(path.path):
        path.fs.rm_file(name)
    with suppress(OSError, NotImplementedError):  # some keep the folder when its files are gone
        path.fs.rmdir(path.path)


def remove_or_warn(path: UPath) -> None:
    """Remove, and tell instead of raising when that fails: a result that is complete must not fail for a leftover."""
    try:
        remove(path)
    except Exception as error:
        warnings.warn(f"{path}: left over, cannot be removed ({_reason(error)}); remove it by hand", stacklevel=2)
