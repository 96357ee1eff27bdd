"""A table becomes a dataset: it is looked at, perhaps copied, and its file is written.

Belongs here: the order of steps, so that nothing is left half done. Does not belong here: what the file looks like
(`drafts`), how columns are looked at (`synth_engine.stages.suggest`).
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
from upath import UPath

from synth_engine.domain import InputError
from synth_pipeline.catalog import Catalog, CatalogError, check_name, dataset_name
from synth_pipeline.catalog.files import is_local
from synth_pipeline.cli.drafts import Draft, draft_text
from synth_pipeline.cli.options import Wish


def add_dataset(root: UPath, catalog: Catalog, table: str, wish: Wish) -> Iterator[str]:
    """Write the file of a dataset; yields what is to be told. The file is written last, and only if it can be loaded.

    Raises:
        UserError: the table cannot be read or learned, a key is none, there is such a dataset already.
    """
    from synth_engine.io import read_table
    from synth_engine.stages import suggest

    name = wish.name or dataset_name(table)
    check_name(name)
    if not wish.force and name in catalog.names():
        raise CatalogError(
            f"dataset {name!r}: there is one of this name already, in {catalog.path(name)}; "
            "choose another --name, or replace it by --force"
        )
    if wish.context is not None and wish.context_key is None:
        raise InputError("--context: needs --context-key beside it, the column that says whom a row belongs to")
    found = suggest(read_table(table), primary_key=wish.primary_key, context_key=wish.context_key)
    is_copied = _is_elsewhere(root, table) if wish.copy is None else wish.copy
    original = table if "://" in table else str(Path(table).expanduser().absolute())
    target = root / "sources" / f"{name}{_ending(original)}" if is_copied else None
    source = original if target is None else _as_said(target, catalog)
    asked = wish.primary_key is not None
    text = draft_text(Draft(name, source, found, wish.context, wish.context_key, is_key_asked=asked))
    catalog.check(name, text)
    if target is not None:
        _copy(original, target, replace=wish.force)
        yield f"Copied the table to {target}"
    catalog.write(name, text, replace=wish.force)
    yield f"Wrote {catalog.path(name)}"
    yield _told_key(found.primary_key, asked)
    yield f"Read it, and change what you like; synth dataset check {name} says whether all is well"


def _told_key(key: str | None, is_asked: bool) -> str:
    if key is None:
        return (
            "Primary key: none, for no column is unique, never missing and named like a key (--primary-key names one)"
        )
    return f"Primary key: {key!r}" + ("" if is_asked else ", for it is unique, never missing, and looks like a key")


def _is_elsewhere(root: UPath, table: str) -> bool:
    return not is_local(root) and ("://" not in table or table.startswith("file://"))


def _ending(table: str) -> str:
    """What of a file's name tells its format."""
    name = table.rstrip("/").rsplit("/", 1)[-1].partition("?")[0].lower()
    parts = name.split(".")
    known = {"csv", "tsv", "parquet", "pq", "gz", "bz2", "xz", "zst"}
    kept = [part for part in parts[-2:] if part in known]
    return "".join(f".{part}" for part in kept)


def _as_said(target: UPath, catalog: Catalog) -> str:
    """How the file says where its table is: beside the catalogue, if both move together."""
    beside = catalog.folder.parent / "sources" / target.name
    return f"../sources/{target.name}" if is_local(target) and str(beside) == str(target) else str(target)


def _copy(original: str, target: UPath, *, replace: bool) -> None:
    """Copy a file or a folder: on a local disk it is there whole, or not at all."""
    if not replace and target.exists():
        raise InputError(f"--copy: there is {target} already; choose another --name, or replace it by --force")
    fs, path = fsspec.url_to_fs(original)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if is_local(target):
            _copy_here(fs, path, Path(target.path))
            return
        with tempfile.TemporaryDirectory() as folder:
            local = path if fs.protocol in ("file", ("file", "local")) else f"{folder}/table"
            if local != path:
                fs.get(path, local, recursive=True)
            target.fs.put(local, target.path, recursive=True)
    except OSError as error:
        raise InputError(f"--copy: cannot copy {original} to {target}: {error.strerror or error}") from None


def _copy_here(fs: fsspec.AbstractFileSystem, path: str, target: Path) -> None:
    temporary = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    try:
        fs.get(path, str(temporary), recursive=True)
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(temporary, target)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)
