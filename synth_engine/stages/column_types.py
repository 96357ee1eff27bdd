"""What kind of model a table is for, and the encoding type of each of its columns: what was asked, and what AUTO means.

Belongs here: decisions by names and Arrow types. Does not belong here: values, files.
"""

from collections.abc import Mapping

import pyarrow as pa

from synth_engine.domain import InputError, ModelEncodingType, ModelType, SplitConfig
from synth_engine.encodings import detect, fitter
from synth_engine.encodings.language import detect_language
from synth_engine.encodings.list_arrays import is_list
from synth_engine.stages.lists import fitter_of

_LANGUAGE, _TABULAR = "LANGUAGE_", "TABULAR_"
Types = Mapping[str, ModelEncodingType]


def model_type_of(config: SplitConfig) -> ModelType:
    """The type that was asked for; without one that of the encoding types of the target.

    Raises:
        InputError: encoding types of the other kind, naming the columns.
    """
    target, context = config.tgt_encoding_types or {}, config.ctx_encoding_types or {}
    is_language = any(kind.startswith(_LANGUAGE) for kind in target.values())
    found = config.model_type or (ModelType.LANGUAGE if is_language else ModelType.TABULAR)
    other = _TABULAR if found == ModelType.LANGUAGE else _LANGUAGE
    for table, asked in (("tgt", target), ("ctx", context)):
        odd = [name for name, kind in asked.items() if kind.startswith(other)]
        if odd:
            names = ", ".join(map(repr, odd))
            raise InputError(
                f"{table}_encoding_types: expected AUTO or {found}_... for all columns of a model of type {found}, "
                f"found {other}... for {names}; choose others for these, or leave them out"
            )
    return found


def resolve_encoding_types(
    schema: pa.Schema,
    asked: Types,
    keys: Mapping[str, str | None],
    table: str = "tgt",
    model_type: ModelType = ModelType.TABULAR,
) -> dict[str, ModelEncodingType]:
    """The encoding type of every modelled column, AUTO resolved by the Arrow type.

    Args:
        schema: Schema of the table.
        asked: Encoding type by column.
        keys: Columns that are not modelled, by what they are.
        table: ``tgt`` or ``ctx``, for errors.
        model_type: Which kind of encodings it is about.
    """
    unknown = sorted(set(asked) - set(schema.names))
    if unknown:
        raise InputError(
            f"{table}_encoding_types: expected columns of the table, found {unknown[0]!r}; "
            "leave it out or correct its name"
        )
    for kind, key in keys.items():
        if key in asked:
            what = kind.replace("_", " ")
            raise InputError(f"{table}_encoding_types: {key!r} is the {what}, which is not modelled; leave it out")
    types, are_events = {}, keys.get("context_key") is not None
    for field in schema:
        if field.name in keys.values():
            continue
        wanted = asked.get(field.name, ModelEncodingType.AUTO)
        try:
            if model_type == ModelType.LANGUAGE:
                types[field.name] = _resolve_language(field.type, wanted)
            else:
                types[field.name] = _resolve(field.type, wanted, are_events)
        except InputError as error:
            raise InputError(f"{table}_data: column {field.name!r}: {error}") from None
    return types


def _resolve(dtype: pa.DataType, asked: ModelEncodingType, are_events: bool) -> ModelEncodingType:
    if are_events and asked == ModelEncodingType.AUTO and fitter(ModelEncodingType.AUTO).accepts(dtype):
        return asked  # only the values tell whether dates are in order
    if asked == ModelEncodingType.AUTO:
        try:
            return detect(dtype.value_type if is_list(dtype) else dtype)
        except InputError as error:
            raise InputError(f"{error}; convert it first, for example to text, or drop it") from None
    _check_accepts(dtype, asked, ModelType.TABULAR)
    return asked


def _resolve_language(dtype: pa.DataType, asked: ModelEncodingType) -> ModelEncodingType:
    if is_list(dtype):
        raise InputError("a language model cannot read lists; convert the column to text, or drop it")
    if asked == ModelEncodingType.AUTO:
        return detect_language(dtype)
    _check_accepts(dtype, asked, ModelType.LANGUAGE)
    return asked


def _check_accepts(dtype: pa.DataType, asked: ModelEncodingType, model_type: ModelType) -> None:
    if not fitter_of(asked, dtype, model_type).accepts(dtype):
        raise InputError(f"encoding type {asked} does not take values of type {dtype}; leave it at AUTO or convert it")
