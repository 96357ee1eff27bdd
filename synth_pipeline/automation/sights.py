"""Looking at files without reading them: what lies in the inbox, and whether sources may have changed.

Belongs here: listing, on any file system, in bounded time. Does not belong here: what follows from it (`arrivals`,
`inbox`), reading contents (`sources`).
"""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fsspec.core import url_to_fs
from upath import UPath

from synth_engine.io import format_of
from synth_pipeline.automation.arrivals import Sight
from synth_pipeline.automation.inbox import Entry, is_temporary, is_unfinished

Sights = dict[str, Sight | OSError | None]
"""By source: what it looks like, None where it is not there, an error where that cannot be told at present."""

_TAGS = ("ETag", "etag", "md5Hash", "content_md5")
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "modified", "created")
_LOCAL = ("", "file", "local")
# From so many sources in one folder of a store on, the folder is listed instead of asking for each.
_MANY = 10
_SECONDS = 20.0


def list_inbox(folder: UPath, seconds: float = _SECONDS) -> list[Entry]:
    """Files and folders in the inbox. A local inbox that is not there is made, so that it is found.

    Raises:
        OSError: it cannot be listed, or not in this time.
    """
    if folder.protocol in _LOCAL:
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        return _entries(folder)
    place = str(folder)
    found = _in_time({place: lambda: _entries(folder)}, seconds)[place]
    if isinstance(found, OSError):
        raise found
    return list(found)


def look_at(sources: Iterable[str], seconds: float = _SECONDS) -> Sights:
    """What sources look like.

    Local ones are looked at one after the other. Each other store has a thread of its own, and one that does not answer
    in time is left alone until it does, so that it holds up nothing else.

    Args:
        sources: Paths or URLs of files and folders.
        seconds: How long to wait.
    """
    stores: dict[str, list[str]] = defaultdict(list)
    for source in dict.fromkeys(sources):
        stores[_store(source)].append(source)
    sights: Sights = {source: _look(source) for source in stores.pop("", [])}
    tasks = {store: _looking(group) for store, group in stores.items()}
    for store, found in _in_time(tasks, seconds).items():
        sights.update(dict.fromkeys(stores[store], found) if isinstance(found, OSError) else found)
    return sights


def _store(source: str) -> str:
    """What answers or does not answer as a whole: a bucket, a server; empty for the local disk."""
    protocol, found, rest = source.partition("://")
    return f"{protocol}://{rest.partition('/')[0]}" if found and protocol not in _LOCAL else ""


_pending: dict[str, threading.Thread] = {}


def _in_time(tasks: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, Any]:
    """Results of tasks by name; `TimeoutError` for one that is not done in time, or still busy with a former call."""
    results: dict[str, Any] = {}

    def done(name: str, task: Callable[[], Any]) -> None:
        try:
            results[name] = task()
        except Exception as error:  # also of libraries that have errors of their own
            results[name] = error if isinstance(error, OSError) else OSError(type(error).__name__)

    threads = {}
    for name, task in tasks.items():
        if name not in _pending or not _pending[name].is_alive():
            _pending[name] = threads[name] = threading.Thread(target=done, args=(name, task), daemon=True)
            threads[name].start()
    end = time.monotonic() + seconds
    for thread in threads.values():
        thread.join(max(end - time.monotonic(), 0.0))
    return {name: results.get(name, TimeoutError("it does not answer")) for name in tasks}


def _looking(sources: list[str]) -> Callable[[], Sights]:
    """The task of looking at sources of one store."""

    def look() -> Sights:
        fs, _ = url_to_fs(sources[0])
        fs.invalidate_cache()
        folders: dict[str, list[str]] = defaultdict(list)
        for source in sources:
            folders[source.rstrip("/").rpartition("/")[0]].append(source)
        found: Sights = {}
        for folder, group in folders.items():
            known = _listing(folder) if len(group) >= _MANY else {}
            for source in group:
                path = fs._strip_protocol(source).rstrip("/")
                info = known.get(path)
                found[source] = _seen(fs, info) if info else _look(source)
        return found

    return look


def _listing(folder: str) -> dict[str, dict[str, Any]]:
    fs, path = url_to_fs(folder)
    try:
        return {info["name"].rstrip("/"): info for info in fs.ls(path, detail=True)}
    except OSError:  # each source is asked for then, and says what is wrong
        return {}


def _look(source: str) -> Sight | OSError | None:
    try:
        fs, path = url_to_fs(source)
        sight = _seen(fs, fs.info(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:
        return error if isinstance(error, OSError) else OSError(type(error).__name__)
    return sight if sight is not None else OSError("it is neither a file nor a folder")


def _seen(fs: Any, info: Mapping[str, Any]) -> Sight | None:
    """None for a pipe, say, which cannot be read twice."""
    if info["type"] == "directory":
        return _folder(fs, info["name"])[0]
    if info["type"] != "file":
        return None
    tag = next((str(info[key]) for key in _TAGS if info.get(key)), None)
    return Sight(_token([_facts(info)]), _size(info), is_content=tag is not None)


def _folder(fs: Any, path: str) -> tuple[Sight, bool]:
    """A folder as one source, and whether there are tables in it."""
    found = fs.find(path, detail=True)
    names = {name: name.removeprefix(path).lstrip("/") for name in found}
    tables = [name for name, inside in names.items() if _is_table(inside)]
    identity = _token([f"{names[name]} {_facts(found[name])}" for name in sorted(tables)])
    is_whole = not any(is_unfinished(part) for inside in names.values() for part in inside.split("/"))
    size = sum(_size(found[name]) for name in tables)
    return Sight(identity, size, is_whole), bool(tables)


def _is_table(path: str) -> bool:
    found = format_of(path)
    return found is not None and found.is_parquet and not any(part.startswith(("_", ".")) for part in path.split("/"))


def _entries(folder: UPath) -> list[Entry]:
    fs, path = url_to_fs(str(folder))
    fs.invalidate_cache()
    try:
        listed = fs.ls(path, detail=True)
    except FileNotFoundError:  # an object store has no empty folders
        return []
    entries = []
    for info in listed:
        name = info["name"].rstrip("/").rpartition("/")[2]
        if info["name"].rstrip("/") == path.rstrip("/") or is_temporary(name):
            continue
        source = str(folder / name)
        if info["type"] == "directory":
            entries.append(Entry(name, source, *_folder(fs, info["name"])))
        elif (sight := _seen(fs, info)) is not None:
            entries.append(Entry(name, source, sight))
    return entries


def _facts(info: Mapping[str, Any]) -> str:
    """What differs once content does: the tag of an object store or, on disks, time and number of the file."""
    for keys in (_TAGS, _TIMES):
        if found := next((info[key] for key in keys if info.get(key)), None):
            moment = getattr(found, "timestamp", None)  # some file systems write times in two ways
            number = info.get("ino", "") if keys is _TIMES else ""
            return f"{_size(info)} {moment() if moment else found} {number}"
    return str(_size(info))


def _size(info: Mapping[str, Any]) -> int:
    """Of a file; a web server may not tell it, then it is taken for not empty."""
    return 1 if info.get("size") is None else int(info["size"])


def _token(facts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(facts).encode(), digest_size=6).hexdigest()


def folder_identity(folder: UPath) -> str:
    """Differs whenever a file in the folder may have changed."""
    fs, path = url_to_fs(str(folder))
    fs.invalidate_cache()
    try:
        listed = fs.ls(path, detail=True)
    except FileNotFoundError:
        return ""
    return _token(sorted(f"{info['name']} {_facts(info)}" for info in listed))
