"""What can be said about a dataset: where its table is, and how its twin is to be made.

Belongs here: keys of a dataset's file, and what they may not say together. Does not belong here: files (`folder`),
wording of errors (`messages`), Dagster.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from synth_engine.domain import (
    AnalyzeConfig,
    GenerateConfig,
    ModelEncodingType,
    SplitConfig,
    TrainConfig,
)
from synth_pipeline.catalog.documents import Document
from synth_pipeline.catalog.errors import CatalogError, Problem
from synth_pipeline.catalog.messages import worded
from synth_pipeline.catalog.release import ReleaseConfig
from synth_pipeline.catalog.schedules import check_cron, check_timezone

DEFAULT_SEED = 0
_SEEDED_SECTIONS = ("split", "train", "generate")
SAID_ELSEWHERE = {
    "tgt_primary_key": "say it as primary_key at the top level of the file",
    "tgt_encoding_types": "say it as encoding_types at the top level of the file",
    "tgt_context_key": "say it as context_key at the top level of the file",
    "ctx_primary_key": "say it as primary_key in the file of the context",
    "ctx_encoding_types": "say it as encoding_types in the file of the context",
}
"""Parameters of `split` that the file of a dataset has no section for, and where they are."""


class DriftConfig(BaseModel):
    """How much a source may change before its model is brought up to date."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    threshold: Annotated[float, Field(gt=0, strict=True)] = 0.2
    """Population stability index of a column above which it counts as drifted: below 0.1 hardly anything has changed,
    above 0.25 much has."""


class DatasetConfig(BaseModel):
    """One dataset: its table, and the settings of every stage. The name of the dataset is the name of its file.

    The seeds of `split`, `train` and `generate` are 0 unless said otherwise, so that a run can be repeated. That of
    `analyze` stays unset: whoever knows it can undo the randomisation of the protection thresholds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source: Annotated[str, Field(min_length=1)]
    """Path or any fsspec URL of a ``.csv``, ``.csv.gz`` or ``.parquet`` file; relative paths begin at the YAML file."""
    primary_key: str | None = None
    """Column that identifies a row. It is not learned; synthetic rows get new keys."""
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
    """How the rows, or the subjects, are divided into those to learn from and those to check with."""
    analyze: AnalyzeConfig = AnalyzeConfig()
    """What may be known of the values, and how people are protected by that."""
    train: TrainConfig = TrainConfig(random_state=DEFAULT_SEED)
    """Which model is trained, for how long, and how private that is."""
    generate: GenerateConfig = GenerateConfig(random_state=DEFAULT_SEED)
    """How many synthetic rows are made, and what is wanted of them."""
    cron: str | None = None
    """When the dataset is made, whatever has changed: five fields, in quotes, such as ``'0 6 * * 1-5'``."""
    timezone: str = "UTC"
    """Time zone of `cron`, by its IANA name such as ``Europe/Vienna``."""
    watch: bool = True
    """Whether a source that has changed starts a run by itself."""
    drift: DriftConfig | None = None
    """What a changed source is measured by before anything is made anew. Left out, every change counts."""
    release: ReleaseConfig | None = None
    """What may be published where. With it, new synthetic rows are measured, judged and published by themselves."""

    @field_validator(*_SEEDED_SECTIONS, mode="before")
    @classmethod
    def _seeded(cls, section: Any) -> Any:
        section = {} if section is None else section  # what YAML makes of a section of which all is commented out
        return {"random_state": DEFAULT_SEED} | section if isinstance(section, dict) else section

    @field_validator("analyze", mode="before")
    @classmethod
    def _left_out(cls, section: Any) -> Any:
        return {} if section is None else section

    @field_validator("cron")
    @classmethod
    def _comes(cls, cron: str | None) -> str | None:
        if cron is not None:
            check_cron(cron)
        return cron

    @field_validator("timezone")
    @classmethod
    def _exists(cls, timezone: str) -> str:
        check_timezone(timezone)
        return timezone

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        for name, instead in SAID_ELSEWHERE.items():
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
        """Build it; raises `CatalogError` with a line for every key that is wrong, which begins with `where`."""
        return cls._validated(settings, where, None)

    @classmethod
    def of(cls, document: Document) -> Self:
        """Build it from a file; raises `CatalogError` with file and line of every key that is wrong."""
        return cls._validated(document.settings, document.file, document)

    @classmethod
    def _validated(cls, settings: dict[Any, Any], where: str, document: Document | None) -> Self:
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            found = worded(cls, settings, error.errors())
            problems = [document.problem(path, text) if document else Problem(where, text) for path, text in found]
            raise CatalogError(*sorted(problems, key=lambda problem: problem.line or 0)) from None

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
