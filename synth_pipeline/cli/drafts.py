"""The file of a dataset as it is first written: what was found, what could be said, and why.

Belongs here: how it reads. Does not belong here: finding anything out. Nothing in it is a value of the table.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import yaml
from pydantic import BaseModel

from synth_engine.domain import AnalyzeConfig, GenerateConfig, ModelEncodingType, TrainConfig
from synth_engine.stages import ColumnSuggestion, TableSuggestion
from synth_pipeline.catalog import DatasetConfig

_WIDTH = 120
_MAX_KEY_COLUMN = 40
_MAX_SIMPLE_KEY = 1_000
_TYPE = ModelEncodingType
_PLAIN = re.compile(r"[A-Za-z0-9_/.]([A-Za-z0-9_/. -]*[A-Za-z0-9_/.-])?")


@dataclass(frozen=True)
class Draft:
    """What the file is to say.

    Args:
        name: Of the dataset.
        source: Of the dataset, as the file says it.
        table: What was found in the table.
        context: Name of the dataset of the subjects.
        context_key: Column that says whom a row belongs to.
        is_key_asked: Whether the primary key was named, and not found.
    """

    name: str
    source: str
    table: TableSuggestion
    context: str | None = None
    context_key: str | None = None
    is_key_asked: bool = False


def draft_text(draft: Draft) -> str:
    """YAML that says what was found, with comments; lines such as ``#key: value`` are settings with their defaults."""
    parts = [
        _head(draft),
        _key(draft),
        _subjects(draft),
        _encodings(draft),
        _free_text(draft),
        *_sections(draft),
        _when(),
    ]
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def scalar(text: str) -> str:
    """A text as YAML on one line: plain where that cannot be mistaken.

    >>> scalar("age"), scalar("yes"), scalar("a: b")
    ('age', '"yes"', '"a: b"')
    """
    if _PLAIN.fullmatch(text) and _meaning(text) == text:
        return text
    return str(yaml.safe_dump(text, default_style='"', width=float("inf"), allow_unicode=True)).rstrip("\n")


def _meaning(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None


def _comment(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ", **_KEEP)


# Names and URLs stay whole, so that they can be copied.
_KEEP: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def _head(draft: Draft) -> Iterator[str]:
    yield from _comment(
        f"Dataset {draft.name}: a table, and how its synthetic twin is made. Written by synth dataset add; from here "
        "on it is yours. What is left out has its default, and lines such as #key: value show what that is."
    )
    yield ""
    yield f"source: {scalar(draft.source)}"


def _key(draft: Draft) -> Iterator[str]:
    meaning = "The column that identifies a row. It is not learned; synthetic rows get new keys."
    key, others = draft.table.primary_key, draft.table.other_keys
    if key is None:
        yield from _comment(f"{meaning} None was found: no column is unique, never missing and named like a key.")
        yield "#primary_key: COLUMN"
        return
    why = "" if draft.is_key_asked else " This one is unique, never missing, and looks like a key."
    if others:
        why += (
            f" So {'does' if len(others) == 1 else 'do'} {', '.join(map(scalar, others))}, learned like other columns."
        )
    yield from _comment(f"{meaning}{why}")
    yield f"primary_key: {scalar(key)}"


def _subjects(draft: Draft) -> Iterator[str]:
    meaning = "Rows that belong to somebody, such as the orders of a customer:"
    if draft.context_key is None:
        yield from _comment(f"{meaning} the column that says to whom, and the dataset of those, if it is one.")
        yield "#context_key: COLUMN"
        yield "#context: DATASET"
        return
    yield from _comment(f"{meaning} the column that says to whom, and the dataset of those.")
    yield f"context_key: {scalar(draft.context_key)}"
    yield f"context: {scalar(draft.context)}" if draft.context is not None else "#context: DATASET"


def _encodings(draft: Draft) -> Iterator[str]:
    table = draft.table
    if not table.columns:
        return
    by = "all rows" if table.n_seen == table.n_rows else f"{table.n_seen:,} rows drawn at random"
    yield from _comment(
        f"How each column is learned: what AUTO has chosen by {by}. A column that is set to AUTO, or left out here, is "
        "chosen for anew whenever the table is analysed. Values that too few people have are neither counted nor shown."
    )
    yield "encoding_types:"
    lines = [_entry(scalar(name), each.encoding_type) for name, each in table.columns.items()]
    column = min(max(map(len, lines)), _MAX_KEY_COLUMN + len(_TYPE.TABULAR_DATETIME_RELATIVE))
    for line, suggestion in zip(lines, table.columns.values(), strict=True):
        yield f"{line:<{column}}  # {fact(suggestion)}"


def _entry(key: str, value: str) -> str:
    # YAML finds the colon of a key only so far behind its beginning
    return f"  {key}: {value}" if len(key) <= _MAX_SIMPLE_KEY else f"  ? {key}\n  : {value}"


def fact(column: ColumnSuggestion) -> str:
    """What the choice goes by, in a few words that are no one's values."""
    words = "free text: needs a language model, see below" if column.is_free_text else _kind(column)
    return f"{words}, some are missing" if column.has_nulls else words


def _kind(column: ColumnSuggestion) -> str:
    kind, n_values = column.encoding_type, column.n_values
    if kind == _TYPE.TABULAR_CATEGORICAL:
        if not n_values:
            return "nothing that enough people have in common" if column.has_rare else "no values"
        rare = ", and rare ones" if column.has_rare else ""
        return f"{n_values:,} categor{'y' if n_values == 1 else 'ies'}{rare}"
    if kind == _TYPE.TABULAR_NUMERIC_DISCRETE:
        return f"{n_values:,} different numbers" if n_values != 1 else "one number"
    if kind in (_TYPE.TABULAR_NUMERIC_BINNED, _TYPE.TABULAR_NUMERIC_DIGIT):
        return "whole numbers" if pa.types.is_integer(column.dtype) else "decimals"
    if kind == _TYPE.TABULAR_DATETIME:
        return "dates" if pa.types.is_date(column.dtype) else "dates with a time of day"
    return {
        _TYPE.TABULAR_DATETIME_RELATIVE: "dates of events in order: the time between them",
        _TYPE.TABULAR_CHARACTER: "short texts, learned letter by letter",
        _TYPE.TABULAR_LAT_LONG: "places: latitude and longitude",
    }.get(kind, str(column.dtype))


def _free_text(draft: Draft) -> Iterator[str]:
    texts = [name for name, column in draft.table.columns.items() if column.is_free_text]
    if not texts or draft.context_key is not None:  # texts of events are not made
        return
    listed = ", ".join(map(scalar, texts))
    it, this = ("them", "these columns") if len(texts) > 1 else ("it", "this column")
    yield from _comment(
        f"Free text is best left to a language model, which writes {it} to fit the other columns. Then leave {this} "
        "out, here and of encoding_types:"
    )
    yield f"#leave_out: [{listed}]"
    types = ", ".join(f"{scalar(name)}: {_TYPE.LANGUAGE_TEXT}" for name in texts)
    yield from _comment(f"and write {draft.name}_texts.yaml beside this file:")
    yield f"#   source: {scalar(draft.source)}"
    yield f"#   given: {draft.name}"
    yield f"#   encoding_types: {{{types}}}"


@dataclass(frozen=True)
class _Setting:
    """A setting that is shown, and what of it if not the default and what its description says first."""

    key: str
    value: str | None = None
    meaning: str | None = None


_SHOWN: dict[str, tuple[type[BaseModel], Sequence[_Setting]]] = {
    "analyze": (
        AnalyzeConfig,
        [
            _Setting("value_protection", None, "whether rare values and extremes are left out"),
            _Setting(
                "differential_privacy",
                "{value_protection_epsilon: 1}",
                "differentially private statistics; left out, they are not",
            ),
        ],
    ),
    "train": (
        TrainConfig,
        [
            _Setting("model", "MOSTLY_AI/Medium", "MOSTLY_AI/Small is faster, MOSTLY_AI/Large learns more"),
            _Setting("max_epochs", None, "passes over the data at most; it ends when nothing more is learned"),
            _Setting("max_training_time", None, "minutes at most"),
            _Setting("enable_flexible_generation", None, "false is faster, but rules out rebalancing and imputation"),
            _Setting(
                "differential_privacy",
                "{target_epsilon: 5}",
                "differentially private training; left out, it is not",
            ),
        ],
    ),
    "generate": (
        GenerateConfig,
        [
            _Setting("sample_size", "1000", "how many rows are made; left out, as many as the original has"),
            _Setting("sampling_temperature"),
            _Setting("rare_category_replacement_method"),
        ],
    ),
}


def _sections(draft: Draft) -> Iterator[Iterator[str]]:
    for section, (model, settings) in _SHOWN.items():
        # there are as many subjects as the twin of the context has rows
        left_out = "sample_size" if draft.context is not None else None
        yield _section(section, model, [each for each in settings if each.key != left_out])


def _section(section: str, model: type[BaseModel], settings: Sequence[_Setting]) -> Iterator[str]:
    yield from _comment(_said_first(DatasetConfig, section, is_sentence=True))
    yield f"{section}:"
    yield from _explained(model, settings, "  ")


def _when() -> Iterator[str]:
    yield from _comment("When the twin is made.")
    settings = [
        _Setting("cron", '"0 6 * * 1-5"', "at six from Monday to Friday: minute, hour, day, month, day of the week"),
        _Setting("timezone", None, "of cron, such as Europe/Vienna"),
        _Setting("watch", None, "whether a table that has changed is made anew by itself"),
        _Setting(
            "drift",
            "{threshold: 0.2}",
            "only if a column has changed by so much (population stability index)",
        ),
    ]
    yield from _explained(DatasetConfig, settings, "")


def _explained(model: type[BaseModel], settings: Sequence[_Setting], indent: str) -> Iterator[str]:
    """Settings that are commented out, with what they mean beside them."""
    lines = [f"{indent}#{each.key}: {each.value or _default(model, each.key)}" for each in settings]
    column = max(map(len, lines)) + 2
    for line, each in zip(lines, settings, strict=True):
        meaning = each.meaning or _said_first(model, each.key)
        first, *more = textwrap.wrap(meaning, _WIDTH - column - 2, **_KEEP)
        yield f"{line:<{column}}# {first}"
        for words in more:
            yield f"{indent}{'#':<{column - len(indent)}}# {words}"


def _default(model: type[BaseModel], key: str) -> str:
    value = model.model_construct().model_dump(mode="json")[key] if key != "timezone" else "UTC"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _said_first(model: type[BaseModel], key: str, *, is_sentence: bool = False) -> str:
    """The first sentence of a setting's description."""
    words = " ".join((model.model_fields[key].description or "").replace("`", "").split())
    first = words.partition(". ")[0].rstrip(".")
    return f"{first}." if is_sentence else first[0].lower() + first[1:]
