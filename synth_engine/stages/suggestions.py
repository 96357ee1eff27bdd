"""What the engine would make of a table, before anything is run: a key, and the encoding that AUTO comes to.

Belongs here: choosing by values, with the same fitters and the same protection as `analyze`. Does not belong here:
files, and how it is told to people.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import InputError, ModelEncodingType, ModelType
from synth_engine.domain.randomness import fresh_seed, generator
from synth_engine.encodings import Encoding, Entities, LanguageEncoding
from synth_engine.encodings.categorical import CategoricalEncoding
from synth_engine.encodings.language import language_fitter
from synth_engine.encodings.numeric_discrete import NumericDiscreteEncoding
from synth_engine.encodings.text_form import is_text
from synth_engine.parallel import map_in_threads
from synth_engine.privacy import ValueProtection
from synth_engine.stages.column_types import resolve_encoding_types
from synth_engine.stages.keys import is_key_type
from synth_engine.stages.lists import fitter_of
from synth_engine.stages.relations import Subjects, check_primary_key
from synth_engine.stages.table_input import TableLike, to_arrow

MOST_ROWS = 200_000
# Texts of more words than these on average are written by people, not chosen from a list.
_WORDS_OF_FREE_TEXT = 2.5
_NAMES_OF_KEYS = {"id", "key", "pk", "uuid", "guid", "identifier"}
_WORDS_OF_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


@dataclass(frozen=True)
class ColumnSuggestion:
    """How a column would be learned, and why. Shareable: nothing in it is a value, and counts are protected ones.

    Args:
        encoding_type: What AUTO comes to.
        dtype: Arrow type of the column.
        n_values: Number of categories, or of different numbers, that enough people have; None where none are counted.
        has_rare: Whether there are others, which too few people have to be shown.
        has_nulls: Whether enough people have no value.
        is_free_text: Whether the texts are such as a language model writes better.
    """

    encoding_type: ModelEncodingType
    dtype: pa.DataType
    n_values: int | None = None
    has_rare: bool = False
    has_nulls: bool = False
    is_free_text: bool = False


@dataclass(frozen=True)
class TableSuggestion:
    """How a table would be learned.

    Args:
        primary_key: The column that identifies a row; None where none does for certain.
        other_keys: Columns that would do as well.
        columns: The modelled columns, in their order.
        n_rows: Rows of the table.
        n_seen: Rows by which encodings were chosen.
    """

    primary_key: str | None
    other_keys: list[str]
    columns: dict[str, ColumnSuggestion]
    n_rows: int
    n_seen: int


def suggest(
    data: TableLike,
    *,
    primary_key: str | None = None,
    context_key: str | None = None,
    random_state: int | None = None,
) -> TableSuggestion:
    """Look at a table. A primary key is one if it is unique, never missing, and named like a key or made of UUIDs.

    Keys are looked for in all rows; encodings are chosen by at most `MOST_ROWS` of them, drawn at random, of whole
    subjects where there are any.

    Args:
        data: The table.
        primary_key: Column that identifies a row; None looks for one.
        context_key: Column that says whom a row belongs to.
        random_state: Seed of the sample and of the randomised protection thresholds; None takes one that nobody knows.

    Raises:
        InputError: what `split` would refuse: no table, a key that is none, a column that cannot be learned.
    """
    table = to_arrow(data, "tgt_data")
    check_primary_key(table, primary_key, "tgt_primary_key")
    subjects = None if context_key is None else Subjects.of(table, context_key)
    candidates = [] if primary_key is not None else _keys(table.drop_columns([context_key] if context_key else []))
    primary_key = primary_key or next(iter(candidates), None)
    seed = fresh_seed() if random_state is None else random_state
    rows, entities = _sample(table.num_rows, subjects, generator(seed, "suggest", "rows"))
    keys = {"primary_key": primary_key, "context_key": context_key}
    types = resolve_encoding_types(table.schema, {}, keys)
    seen = table.select(list(types)).take(pa.array(rows)).combine_chunks()
    look = partial(_look_at, seen, types, entities, seed)
    columns = dict(zip(types, map_in_threads(look, list(types)), strict=True))
    return TableSuggestion(primary_key, candidates[1:], columns, table.num_rows, len(rows))


def _keys(table: pa.Table) -> list[str]:
    """Columns that identify a row, the likeliest first: one that is called nothing but a key, else in their order."""
    found = [field.name for field in table.schema if _is_key(field, table[field.name])]
    return sorted(found, key=lambda name: name.lower() not in _NAMES_OF_KEYS)


def _is_key(field: pa.Field, column: pa.ChunkedArray) -> bool:
    if len(column) < 2 or column.null_count or not is_key_type(field.type) or pa.types.is_floating(field.type):
        return False
    try:
        check_primary_key(pa.table({field.name: column}), field.name, "key")
    except InputError:
        return False
    words = _WORDS_OF_NAME.findall(field.name)
    is_named = bool(words) and words[-1].lower() in _NAMES_OF_KEYS
    return is_named or (is_text(field.type) and bool(pc.all(pc.match_substring_regex(column, _UUID)).as_py()))


def _sample(n_rows: int, subjects: Subjects | None, rng: np.random.Generator) -> tuple[Entities, Entities | None]:
    """Rows to look at, and whom each belongs to; those of a subject lie next to each other, in their order."""
    if subjects is None:
        if n_rows <= MOST_ROWS:
            return np.arange(n_rows), None
        return np.sort(rng.choice(n_rows, MOST_ROWS, replace=False)), None
    order = rng.permutation(subjects.size)
    n_subjects = int(np.searchsorted(np.cumsum(subjects.lengths[order]), MOST_ROWS, side="right"))
    is_chosen = np.zeros(subjects.size, bool)
    is_chosen[order[: max(n_subjects, 1)]] = True
    rows = np.flatnonzero(is_chosen[subjects.places])
    rows = rows[np.argsort(subjects.places[rows], kind="stable")]
    return rows, subjects.places[rows]


def _look_at(
    table: pa.Table,
    types: Mapping[str, ModelEncodingType],
    entities: Entities | None,
    seed: int,
    name: str,
) -> ColumnSuggestion:
    values = table[name].combine_chunks()
    fitting, protection = fitter_of(types[name], values.type, ModelType.TABULAR), ValueProtection()
    try:
        counts = fitting.summarise(values, entities)
    except InputError as error:
        raise InputError(f"tgt_data: column {name!r}: {error}") from None
    encoding = fitting.fit(counts, values.type, protection, generator(seed, "suggest", name))
    assert isinstance(encoding, Encoding)
    n_values, has_rare = _counted(encoding)
    is_free_text = is_text(values.type) and _is_free_text(encoding, values, generator(seed, "suggest text", name))
    return ColumnSuggestion(encoding.type, values.type, n_values, has_rare, encoding.has_nulls, is_free_text)


def _counted(encoding: Encoding) -> tuple[int | None, bool]:
    if isinstance(encoding, CategoricalEncoding):
        return len(encoding.categories), encoding.has_rare
    return (len(encoding.numbers) if isinstance(encoding, NumericDiscreteEncoding) else None), False


def _is_free_text(encoding: Encoding, values: pa.Array, rng: np.random.Generator) -> bool:
    """Whether a table for a language model would have them as text, and they are more than a name or a code."""
    if isinstance(encoding, CategoricalEncoding) and not encoding.has_rare:
        return False
    if encoding.type not in (ModelEncodingType.TABULAR_CATEGORICAL, ModelEncodingType.TABULAR_CHARACTER):
        return False
    n_words = pc.mean(pc.count_substring_regex(pc.utf8_trim_whitespace(values), r"\s+")).as_py()
    if n_words is None or n_words + 1 < _WORDS_OF_FREE_TEXT:
        return False
    texts = language_fitter(ModelEncodingType.AUTO)
    fitted: LanguageEncoding = texts.fit(texts.summarise(values), values.type, ValueProtection(), rng)
    return fitted.type is ModelEncodingType.LANGUAGE_TEXT
