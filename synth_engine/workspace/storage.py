"""The few things asked of a file system, local or remote, with errors that say which place they are about.

Belongs here: single files and folders. Does not belong here: artefacts, manifests, what is replaced by what.
No function takes a pattern: a ``*`` or ``[`` in a path is a character like any other.
"""

import errno
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upath import UPath

from synth_engine.domain import ArtefactError, InputError, harmless, without_secrets
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
        raise InputError(f"workspace_dir: {root!r} is not a path or URL that can be opened: {error}") from harmless(
            error
        )
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
        raise ArtefactError(f"{place}: cannot be {action}: {_reason(error)}{advice}") from harmless(error)


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is that there is no more room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


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


def read_inside(folder: UPath, name: str) -> bytes | None:
    """Content of a file of a folder, None where there is none.

    Raises:
        ArtefactError: it cannot be read, or is a link that leads out of the folder.
    """
    path = folder / name
    if leads_outside(path):
        raise ArtefactError(
            f"{path}: expected a file of this folder, found a link out of it; put the file itself there"
        )
    return read(path)


def leads_outside(path: UPath) -> bool:
    """Whether a path is a link out of its folder; stores have no links."""
    if not is_local(path):
        return False
    place = local_path(path)
    return place.is_symlink() and place.parent.resolve() not in place.resolve().parents


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


def put(path: UPath, data: bytes | memoryview) -> None:
    """Write a file into a folder that exists, as a whole."""
    if is_local(path):
        local.put(local_path(path), data)
    else:
        path.fs.pipe_file(path.path, bytes(data))


def file_names(folder: UPath) -> list[str]:
    """Names of the files directly in a folder; empty where there is no such folder."""
    return list(file_sizes(folder))


def file_sizes(folder: UPath) -> dict[str, int]:
    """Sizes in bytes of the files directly in a folder, by name; empty where there is no such folder."""
    return {name: size for name, kind, size in _entries(folder) if kind == "file"}


def folder_names(folder: UPath) -> list[str]:
    """Names of the folders directly in a folder; empty where there is no such folder."""
    return [name for name, kind, _ in _entries(folder) if kind == "directory"]


def _entries(folder: UPath) -> list[tuple[str, str, int]]:
    folder.fs.invalidate_cache(folder.path)
    try:
        entries = folder.fs.ls(folder.path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    split = [(entry["name"].rstrip("/").rpartition("/"), entry["type"], entry.get("size") or 0) for entry in entries]
    # A store may list the folder itself as an empty object, and a file as the only entry of itself.
    here = folder.path.strip("/")
    return sorted((name, kind, size) for (parent, _, name), kind, size in split if parent.strip("/") == here)


def is_untouched_since(folder: UPath, moment: float) -> bool:
    """Whether nothing below a folder was written after a moment, in seconds since 1970; False where nothing tells."""
    folder.fs.invalidate_cache(folder.path)
    if is_local(folder) and local_path(folder).stat().st_mtime > moment:
        return False
    names = sorted(folder.fs.find(folder.path), reverse=True)  # the last ones are mostly the newest
    with suppress(FileNotFoundError, NotImplementedError):
        is_old = all(folder.fs.modified(name).timestamp() <= moment for name in names)
        return is_old and (bool(names) or is_local(folder))
    return False


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
        told = without_secrets(f"{path}: left over, cannot be removed ({_reason(error)}); remove it by hand")
        warnings.warn(told, stacklevel=2)
