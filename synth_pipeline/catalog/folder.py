"""The catalogue: a folder of YAML files, one per dataset, on any file system that fsspec knows.

Belongs here: which datasets there are, how they need each other, what is wrong with them. Does not belong here: what a
file may say (`dataset`), how files are read and written (`files`).
"""

import posixpath
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import yaml
from upath import UPath

from synth_pipeline.catalog import files
from synth_pipeline.catalog.dataset import DatasetConfig
from synth_pipeline.catalog.documents import MAX_BYTES, parse, too_large
from synth_pipeline.catalog.errors import CatalogError, Problem
from synth_pipeline.catalog.names import check_name
from synth_pipeline.catalog.schema import MODELINE, SCHEMA_FILE, schema_text

SUFFIX = ".yaml"
_OTHER_SUFFIX = ".yml"


# A folder is looked at again and again, and most of its files stay as they are.
_MOST_REMEMBERED = 16_384


@dataclass(frozen=True)
class _Entry:
    """A dataset, and where its parent is said.

    Args:
        dataset: As the file says it.
        file: The file.
        parent_line: Line of the key that names the parent.
    """

    dataset: DatasetConfig
    file: str
    parent_line: int

    @property
    def key(self) -> str:
        """The key that names the parent."""
        return "context" if self.dataset.context is not None else "given"

    def problem(self, text: str) -> Problem:
        """What is wrong with the parent."""
        return Problem(self.file, f"{self.key}: {text}", self.parent_line)


@lru_cache(_MOST_REMEMBERED)
def _entry_of(content: bytes, file: str) -> _Entry:
    document = parse(content, file)
    dataset = DatasetConfig.of(document)
    return _Entry(dataset, file, document.line(("given" if dataset.context is None else "context",)))


class Catalog:
    """A folder of YAML files, on any file system that fsspec knows."""

    def __init__(self, folder: UPath) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names of all datasets, in order."""
        return sorted(name.removesuffix(SUFFIX) for name in files.sizes(self.folder) if name.endswith(SUFFIX))

    def path(self, name: str) -> UPath:
        """Where a dataset's file lies, or would lie."""
        return self.folder / (name + SUFFIX)

    def load(self, name: str) -> DatasetConfig:
        """The dataset of that name. Its context, and the context of that, are there and can be.

        Raises:
            CatalogError: there is no such file, or what is wrong in it by line and key.
        """
        entry = self._read(name)
        self._check_parents([name], entry)
        return self._resolved(entry.dataset)

    def load_all(self) -> tuple[dict[str, DatasetConfig], dict[str, CatalogError]]:
        """All datasets that can be made, and what is wrong with the others. Every file is read once.

        Returns:
            Datasets by name, and errors by name; those of files that are no dataset by their name at all, such as
            ``shop.yml``, by the name of the file.

        Raises:
            CatalogError: the folder cannot be read.
        """
        found = files.sizes(self.folder)
        wanted = {name.removesuffix(SUFFIX): size for name, size in found.items() if name.endswith(SUFFIX)}
        errors = {name: self._misnamed(name) for name in found if not name.endswith(SUFFIX)}
        readable = {name: self.path(name) for name, size in wanted.items() if (size or 0) <= MAX_BYTES}
        contents = files.read_many(readable)
        entries: dict[str, _Entry] = {}
        for name, size in wanted.items():
            try:
                check_name(name)
                if name not in contents:
                    raise too_large(str(self.path(name)), size or 0)
                entries[name] = self._entry(name, contents[name])
            except CatalogError as error:
                errors[name] = error
        errors |= self._errors_of_relations(entries, errors)
        datasets = {name: self._resolved(entries[name].dataset) for name in sorted(entries) if name not in errors}
        return datasets, dict(sorted(errors.items()))

    def check(self, name: str, text: str) -> DatasetConfig:
        """What a text would be as the file of a dataset; raises `CatalogError` as `load` does. Writes nothing."""
        check_name(name)
        entry = self._entry(name, text.encode())
        self._check_parents([name], entry)
        return self._resolved(entry.dataset)

    def save(self, name: str, dataset: DatasetConfig) -> None:
        """Write a dataset's file; settings that have their default are left out."""
        settings = dataset.model_dump(mode="json", exclude_defaults=True)
        self.write(name, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))

    def write(self, name: str, text: str, *, replace: bool = True) -> None:
        """Write a dataset's file as a whole, and the schema beside it by which editors check it.

        Args:
            name: Of the dataset.
            text: YAML, without the line that names the schema.
            replace: Whether a file that is there already is replaced.

        Raises:
            CatalogError: no name of a dataset, or there is such a file and it is not to be replaced.
        """
        check_name(name)
        try:
            files.write(self.path(name), f"{MODELINE}\n{text}".encode(), replace=replace)
        except FileExistsError:
            raise CatalogError(f"dataset {name!r}: there is one of this name already, in {self.path(name)}") from None
        files.write_changed(self.folder / SCHEMA_FILE, schema_text().encode())

    def _read(self, name: str) -> _Entry:
        check_name(name)
        content = files.read(self.path(name), MAX_BYTES)
        if content is None:
            known = ", ".join(self.names()) or "none"
            other = _OTHER_SUFFIX in {file.removeprefix(name) for file in files.sizes(self.folder)}
            advice = f"rename {name}{_OTHER_SUFFIX}" if other else f"write it, or remove the partition {name!r}"
            raise CatalogError(
                f"dataset {name!r}: expected its settings in {self.path(name)}, there is no such file "
                f"(datasets in that folder: {known}); {advice}"
            )
        return self._entry(name, content)

    def _entry(self, name: str, content: bytes | CatalogError) -> _Entry:
        if isinstance(content, CatalogError):
            raise content
        return _entry_of(content, str(self.path(name)))

    def _misnamed(self, file: str) -> CatalogError:
        stem = file[: -len(_OTHER_SUFFIX)] if file.lower().endswith(_OTHER_SUFFIX) else file[: -len(SUFFIX)]
        text = f"expected a name that ends in {SUFFIX}; rename it to {stem}{SUFFIX}"
        return CatalogError(Problem(str(self.folder / file), text))

    # --- datasets that need others ------------------------------------------------------------------------------------

    def _check_parents(self, line: list[str], entry: _Entry) -> None:
        names: list[str] | None = None
        while entry.dataset.parent is not None:
            names = self.names() if names is None else names
            problem = self._problem_of_name(line, entry, names)
            if problem is not None:
                raise CatalogError(problem)
            parent = self._read(entry.dataset.parent)
            self._raise_keyless(entry, parent)
            line = [*line, entry.dataset.parent]
            entry = parent

    def _raise_keyless(self, entry: _Entry, parent: _Entry) -> None:
        problem = self._problem_of_key(entry, parent)
        if problem is not None:
            raise CatalogError(problem)

    def _errors_of_relations(self, entries: dict[str, _Entry], errors: Collection[str]) -> dict[str, CatalogError]:
        """What is wrong with datasets because of those that they need."""
        known = sorted({*entries, *errors})
        found: dict[str, CatalogError] = {}
        for name, entry in entries.items():
            circle = _circle(name, entries)
            problem = _of_circle(entry, circle) if circle else self._problem_of_name([name], entry, known)
            parent = entries.get(entry.dataset.parent or "")
            if problem is None and parent is not None:
                problem = self._problem_of_key(entry, parent)
            if problem is not None:
                found[name] = CatalogError(problem)
        while True:
            waiting = {
                name: entry
                for name, entry in entries.items()
                if name not in found and (entry.dataset.parent in found or entry.dataset.parent in errors)
            }
            if not waiting:
                return found
            for name, entry in waiting.items():
                text = f"the file of {entry.dataset.parent!r} has errors of its own; mend these first"
                found[name] = CatalogError(entry.problem(text))

    def _problem_of_name(self, line: list[str], entry: _Entry, names: Collection[str]) -> Problem | None:
        parent = entry.dataset.parent
        if parent is None:
            return None
        if parent in line:
            return _of_circle(entry, [*line, parent])
        if parent not in names:
            known = ", ".join(other for other in names if other not in line) or "none"
            return entry.problem(
                f"expected the name of a dataset (there are {known}), found {parent!r}; "
                f"correct it, or write {self.path(parent)}"
            )
        return None

    def _problem_of_key(self, entry: _Entry, parent: _Entry) -> Problem | None:
        if entry.dataset.context is None or parent.dataset.primary_key is not None:
            return None
        return entry.problem(
            "expected a dataset with a primary key, to which context_key refers, and "
            f"{entry.dataset.context!r} has none; say primary_key in {self.path(entry.dataset.context)}"
        )

    def _resolved(self, dataset: DatasetConfig) -> DatasetConfig:
        if "://" in dataset.source or UPath(dataset.source).is_absolute():
            return dataset
        return dataset.model_copy(update={"source": _joined(str(self.folder), dataset.source)})


def _joined(folder: str, source: str) -> str:
    """Where a relative source leads. A store has no ``..``: to it that is a name like any other.

    >>> _joined("s3://bucket/catalog/datasets", "../tables/./people.csv")
    's3://bucket/catalog/tables/people.csv'
    >>> _joined("s3://bucket/datasets", "../../../people.csv")  # as on a disk, nothing is above the root
    's3://bucket/people.csv'
    """
    protocol, found, place = folder.partition("://")
    if not found:
        return str(UPath(folder) / source)
    bucket, _, path = place.partition("/")
    return f"{protocol}://{bucket}{posixpath.normpath(posixpath.join('/', path, source))}"


def _of_circle(entry: _Entry, names: Sequence[str]) -> Problem:
    return entry.problem(f"expected a dataset that does not need this one first, found {' → '.join(names)}")


def _circle(name: str, entries: dict[str, _Entry]) -> list[str]:
    """The datasets that this one needs, one after another, until it comes again; empty where it does not."""
    line, parent = [name], entries[name].dataset.parent
    while parent in entries and parent not in line:
        line.append(parent)
        parent = entries[parent].dataset.parent
    return [*line, name] if parent == name else []
