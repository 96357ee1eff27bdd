"""The catalogue of datasets: one YAML file per dataset says where its table is and how its twin is to be made.

Belongs here: what can be said about a dataset, and how it is read from and written to files. Does not belong here:
Dagster, and reading the table itself.
"""

from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

import yaml
from dagster._utils.schedules import is_valid_cron_string
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from upath import UPath

from synth_engine.domain import (
    AnalyzeConfig,
    GenerateConfig,
    ModelEncodingType,
    SplitConfig,
    TrainConfig,
    UserError,
)

SUFFIX = ".yaml"
# Folders beside the workspaces, so no workspace may be called so.
RESERVED_NAMES = frozenset({"datasets", "inbox", "sources"})
DEFAULT_SEED = 0
_SEEDED_SECTIONS = ("split", "train", "generate")
_SAID_ELSEWHERE = {
    "tgt_primary_key": "say it as primary_key at the top level of the file",
    "tgt_encoding_types": "say it as encoding_types at the top level of the file",
    "tgt_context_key": "say it as context_key at the top level of the file",
    "ctx_primary_key": "say it as primary_key in the file of the context",
    "ctx_encoding_types": "say it as encoding_types in the file of the context",
}


class CatalogError(UserError):
    """A dataset's YAML file is missing, or says something that it cannot say."""


class DriftConfig(BaseModel):
    """What a changed source is measured by before anything is made anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: Annotated[float, Field(gt=0)] = 0.2
    """Population stability index of a column above which it drifted."""


class DatasetConfig(BaseModel):
    """One dataset: its table, and the settings of every stage. The name of the dataset is the name of its file.

    The seeds of `split`, `train` and `generate` are 0 unless said otherwise, so that a run can be repeated. That of
    `analyze` stays unset: whoever knows it can undo the randomisation of the protection thresholds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[str, Field(min_length=1)]
    """Path or any fsspec URL of a ``.csv``, ``.csv.gz`` or ``.parquet`` file; relative paths begin at the YAML file."""
    primary_key: str | None = None
    encoding_types: dict[str, ModelEncodingType] | None = None
    """Encoding type by column; columns that are not named are ``AUTO``."""
    context: str | None = None
    """Name of the dataset whose rows are the subjects of these events: its `primary_key` is what `context_key` refers
    to, and its `encoding_types` hold for what the events are modelled under."""
    context_key: str | None = None
    """Column that says whom a row belongs to. Without `context` the subjects are the different keys."""
    given: str | None = None
    """Name of the dataset whose synthetic rows hold the other columns of these: only what it does not have is made.
    So a language model writes texts for rows that a tabular one has made."""
    leave_out: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Columns of the source that are not read: those that another dataset makes, of which this one is `given`."""
    split: SplitConfig = SplitConfig(random_state=DEFAULT_SEED)
    analyze: AnalyzeConfig = AnalyzeConfig()
    train: TrainConfig = TrainConfig(random_state=DEFAULT_SEED)
    generate: GenerateConfig = GenerateConfig(random_state=DEFAULT_SEED)
    cron: str | None = None
    """When the dataset is made, whatever changed: five fields."""
    timezone: str = "UTC"
    """Of `cron`."""
    watch: bool = True
    """Whether a changed source starts a run by itself."""
    drift: DriftConfig | None = None
    """What a changed source is measured by before anything is made anew."""

    @field_validator(*_SEEDED_SECTIONS, mode="before")
    @classmethod
    def _seeded(cls, section: Any) -> Any:
        return {"random_state": DEFAULT_SEED} | section if isinstance(section, dict) else section

    @field_validator("cron")
    @classmethod
    def _valid_cron(cls, value: str | None) -> str | None:
        if value is not None and not is_valid_cron_string(value):
            raise ValueError("expected five fields such as '0 6 * * 1'")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("expected an IANA name such as 'Europe/Vienna'") from None
        return value

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        for name, instead in _SAID_ELSEWHERE.items():
            if getattr(self.split, name) is not None:
                raise ValueError(f"split.{name}: {instead}")
        return self

    @model_validator(mode="after")
    def _whole_relation(self) -> Self:
        if self.context is not None and self.context_key is None:
            raise ValueError("context: needs context_key beside it, the column that says whom a row belongs to")
        if self.given is not None and self.context_key is not None:
            raise ValueError("given: expected neither context nor context_key beside it; texts of events are not made")
        if self.parent is not None and self.generate.sample_size is not None:
            there, other = ("subjects", "context") if self.context is not None else ("rows", "given dataset")
            raise ValueError(
                f"generate.sample_size: there are as many {there} as the twin of the {other} has rows; "
                f"leave it out, or say it in the file of the {other}"
            )
        return self

    @property
    def parent(self) -> str | None:
        """Name of the dataset whose twin has to be there before this one's: that of `context` or of `given`."""
        return self.context or self.given

    @classmethod
    def validated(cls, settings: dict[str, Any], where: str) -> Self:
        """Build it; raises `CatalogError` that begins with `where` and names every key that is wrong."""
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise CatalogError(f"{where}: {'; '.join(_describe(item) for item in error.errors())}") from None

    def split_settings(self, context: "DatasetConfig | None" = None) -> SplitConfig:
        """The split section together with keys and encoding types.

        Args:
            context: The dataset that `context` names.
        """
        return self.split.model_copy(
            update={
                "tgt_primary_key": self.primary_key,
                "tgt_encoding_types": self.encoding_types,
                "tgt_context_key": self.context_key,
                "ctx_primary_key": context.primary_key if context else None,
                "ctx_encoding_types": context.encoding_types if context else None,
            }
        )


class Catalog:
    """A folder of YAML files, on any file system that fsspec knows."""

    def __init__(self, folder: UPath) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names of all datasets, in order."""
        if not self.folder.exists():
            return []
        return sorted(path.name.removesuffix(SUFFIX) for path in self.folder.iterdir() if path.name.endswith(SUFFIX))

    def path(self, name: str) -> UPath:
        """Where a dataset's file lies, or would lie."""
        return self.folder / (name + SUFFIX)

    def load(self, name: str) -> DatasetConfig:
        """The dataset of that name. Its context, and the context of that, are there and can be.

        Raises:
            CatalogError: there is no such file, or what is wrong in it by key.
        """
        dataset = self._read(name)
        self._check_parents(name, dataset)
        return dataset

    def load_all(self) -> tuple[dict[str, DatasetConfig], dict[str, CatalogError]]:
        """All datasets that can be made, and what is wrong with the others, by name."""
        loaded, broken = {}, {}
        for name in self.names():
            try:
                loaded[name] = self.load(name)
            except CatalogError as error:
                broken[name] = error
            except (OSError, UnicodeDecodeError) as error:
                broken[name] = CatalogError(f"{self.path(name)}: cannot be read: {type(error).__name__}")
        return loaded, broken

    def _read(self, name: str) -> DatasetConfig:
        check_name(name)
        try:
            text = self.path(name).read_text()
        except FileNotFoundError:
            known = ", ".join(self.names()) or "none"
            raise CatalogError(
                f"dataset {name!r}: expected its settings in {self.path(name)}, there is no such file "
                f"(datasets in that folder: {known}); write it, or remove the partition {name!r}"
            ) from None
        return self._resolved(_parse(text, str(self.path(name))))

    def _check_parents(self, name: str, dataset: DatasetConfig) -> None:
        line = [name]
        while dataset.parent is not None:
            is_context, parent = dataset.context is not None, dataset.parent
            key = f"{self.path(line[-1])}: {'context' if is_context else 'given'}"
            if parent in line:
                circle = " → ".join([*line, parent])
                raise CatalogError(f"{key}: expected a dataset that does not need this one first, found {circle}")
            if parent not in self.names():
                known = ", ".join(other for other in self.names() if other not in line) or "none"
                raise CatalogError(
                    f"{key}: expected the name of a dataset (there are {known}), found {parent!r}; "
                    f"correct it, or write {self.path(parent)}"
                )
            line.append(parent)
            dataset = self._read(parent)
            if is_context and dataset.primary_key is None:
                raise CatalogError(
                    f"{key}: expected a dataset with a primary key, to which context_key refers, and {line[-1]!r} has "
                    f"none; say primary_key in {self.path(line[-1])}"
                )

    def save(self, name: str, dataset: DatasetConfig) -> None:
        """Write a dataset's file; settings that have their default are left out."""
        check_name(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = dataset.model_dump(mode="json", exclude_defaults=True)
        self.path(name).write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))

    def _resolved(self, dataset: DatasetConfig) -> DatasetConfig:
        if "://" in dataset.source or UPath(dataset.source).is_absolute():
            return dataset
        return dataset.model_copy(update={"source": str(self.folder / dataset.source)})


def check_name(name: str) -> None:
    """Raise `CatalogError` unless the name can be a partition key and a folder."""
    if name in RESERVED_NAMES or safe_name(name) != name:
        raise CatalogError(
            f"dataset {name!r}: expected a name of a-z, 0-9, '_' and '-' that begins with a letter or digit and is "
            f"none of {', '.join(sorted(RESERVED_NAMES))}; {safe_name(name)!r} would do"
        )


def safe_name(text: str) -> str:
    """The nearest text that can be the name of a dataset.

    >>> safe_name("Bank Marketing (2024)")
    'bank_marketing_2024'
    >>> safe_name("datasets")
    'datasets_'
    """
    kept = "".join(
        letter if (letter.isascii() and letter.isalnum()) or letter in "_-" else " " for letter in text.lower()
    )
    name = "_".join(kept.split()).lstrip("_-")[:99] or "table"
    return name + "_" if name in RESERVED_NAMES else name


def _parse(text: str, where: str) -> DatasetConfig:
    try:
        settings = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CatalogError(f"{where}: is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(settings, dict):
        raise CatalogError(f"{where}: expected keys and values such as 'source: table.csv', found none")
    return DatasetConfig.validated(settings, where)


def _describe(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "the file"
    if item["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    if item["type"] == "missing":
        return f"{key}: is missing"
    found = "" if isinstance(item["input"], dict) else f", found {item['input']!r}"
    return f"{key}: {item['msg']}{found}"
