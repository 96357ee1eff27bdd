"""What pydantic finds, in our words: which key, what was expected, what was found, what to do.

Belongs here: wording. Does not belong here: lines (`documents`), what a dataset may say (`dataset`).
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, get_args

from pydantic import BaseModel

from synth_pipeline.catalog.documents import KeyPath

_SHOWN_LETTERS = 60
_TRUTH_VALUE = "Input should not be a truth value"
_BY_TYPE: dict[str, str | Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda limits: f"a number above {limits['gt']:g}",
    "greater_than_equal": lambda limits: f"a number of at least {limits['ge']:g}",
    "less_than": lambda limits: f"a number below {limits['lt']:g}",
    "less_than_equal": lambda limits: f"a number of at most {limits['le']:g}",
    "string_too_short": "text that is not empty",
    "too_short": lambda limits: f"at least {limits['min_length']} item(s)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of usual size",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list such as [a, b]",
    "tuple_type": "a list such as [a, b]",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
}


def worded(cls: type[BaseModel], settings: Any, errors: Sequence[Any]) -> list[tuple[KeyPath, str]]:
    """Where each error of a validation is, and what to say of it; those of the kinds that a value may be are one.

    Args:
        cls: What the settings were to become.
        settings: Plain values, as they were read.
        errors: What `pydantic.ValidationError.errors` returns.
    """
    found = [(*_split(settings, item["loc"]), item) for item in errors]
    result = []
    for path, group in groupby(found, key=lambda each: each[0]):
        # A value that may be of several kinds has one error for each, whose place ends with the kind.
        kinds: list[Any] = []
        others: list[Any] = []
        for _, rest, item in group:
            (kinds if rest and item["type"] in _BY_TYPE else others).append(item)
        if len(kinds) > 1:
            expected = " or ".join(dict.fromkeys(_expected(item) for item in kinds))
            result.append((path, f"{_name(path)}: expected {expected}, found {shown(kinds[0]['input'])}"))
        else:
            others = kinds + others
        result += [_one(cls, path, item) for item in others]
    return result


def shown(value: Any) -> str:
    """A value as YAML has it, or what it is, if it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list | tuple | set):
        return "a list" if value else "an empty list"
    if isinstance(value, date):
        return f"the date {value.isoformat()}"
    text = repr(value)
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…"


def _split(settings: Any, place: Sequence[Any]) -> tuple[KeyPath, list[Any]]:
    """Keys on the way to a place, and what pydantic tells beside: names of types, and keys that are not there."""
    path: list[Any] = []
    rest: list[Any] = []
    for part in place:
        key = _key(settings, part)
        if key is None:
            rest.append(part)
        else:
            path.append(key)
            settings = settings[key]
    return tuple(path), rest


def _key(settings: Any, part: Any) -> Any:
    if isinstance(settings, dict):
        return next((key for key in settings if key == part or str(key) == part), None)
    is_place = isinstance(settings, list | tuple) and isinstance(part, int) and part < len(settings)
    return part if is_place else None


def _name(path: Sequence[Any]) -> str:
    return ".".join(shown(part) if part is None or isinstance(part, bool) else str(part) for part in path) or "the file"


def _one(cls: type[BaseModel], path: KeyPath, item: Any) -> tuple[KeyPath, str]:
    kind, place = item["type"], item["loc"]
    if kind == "missing":
        path = (*path, str(place[-1]))
        text = f"is missing{_meaning(cls, place)}"
    elif kind == "extra_forbidden":
        text = f"unknown key{_advice(cls, place)}"
    elif kind == "value_error":
        return _of_validator(path, item)
    else:
        text = _mismatch(item)
    return path, f"{_name(path)}: {text}"


def _mismatch(item: Any) -> str:
    kind, value = item["type"], item["input"]
    if kind in ("enum", "literal_error"):
        return _choice(item)
    if kind == "constraint_type":
        return f"{item['msg']}, found {shown(value.get('type') if isinstance(value, dict) else value)}"
    if kind == "invalid_key" or (item["loc"] and item["loc"][-1] == "[key]"):
        return f"expected text as a key, found {shown(value)}; put it in quotes"
    hint = "; put it in quotes if it is meant as text" if kind == "string_type" and _is_value(value) else ""
    return f"expected {_expected(item)}, found {shown(value)}{hint}"


def _expected(item: Any) -> str:
    words = _BY_TYPE.get(item["type"])
    if words is None:
        message = str(item["msg"]).removeprefix("Input should be ")
        return message[0].lower() + message[1:]
    return words if isinstance(words, str) else words(item.get("ctx", {}))


def _is_value(value: Any) -> bool:
    return isinstance(value, bool | int | float | date)


def _choice(item: Any) -> str:
    choices = re.findall(r"'([^']*)'", item["ctx"]["expected"])
    near = difflib.get_close_matches(str(item["input"]).upper(), choices, n=1) if choices else []
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"expected one of {', '.join(choices)}, found {shown(item['input'])}{hint}"


def _of_validator(path: KeyPath, item: Any) -> tuple[KeyPath, str]:
    """An error in words of our own, which may begin with the key that it is about."""
    message, value = str(item["msg"]).removeprefix("Value error, "), item["input"]
    if message == _TRUTH_VALUE:
        return path, f"{_name(path)}: expected something else than a truth value, found {shown(value)}"
    if not isinstance(value, dict):
        found = "" if "found" in message else f", found {shown(value)}"
        return path, f"{_name(path)}: {message}{found}"
    about = re.match(r"[\w.]+", message)
    keys = _split(value, about[0].rstrip(".").split("."))[0] if about else ()
    return (*path, *keys), message if not path else f"{_name(path)}: {message}"


def _meaning(cls: type[BaseModel], place: Sequence[Any]) -> str:
    fields = _fields(cls, place[:-1])
    description = fields[place[-1]].description if place[-1] in fields else None
    return f"; expected {_first_clause(description)}" if description else ""


def _first_clause(description: str) -> str:
    words = re.split(r"[.;](?:\s|$)", " ".join(description.replace("`", "").split()), maxsplit=1)[0]
    return words[0].lower() + words[1:]


def _advice(cls: type[BaseModel], place: Sequence[Any]) -> str:
    """The known key that is meant, if it can be told, or all of them."""
    key, known = str(place[-1]), list(_fields(cls, place[:-1]))
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.75)
    if near:
        return f"; did you mean {near[0]}?"
    homes = [_name((*path, key)) for path, fields in _all_fields(cls) if key in fields]
    if homes:
        return f" here; say it as {' or '.join(homes)}"
    return f"; expected one of {', '.join(known)}" if known else ""


def _fields(cls: type[BaseModel], place: Sequence[Any]) -> Mapping[str, Any]:
    """Fields of the model at a place inside a model."""
    options = [cls]
    for part in place:
        annotations = [each.model_fields[part].annotation for each in options if part in each.model_fields]
        if annotations:
            options = [model for annotation in annotations for model in _models(annotation)] or options
        else:  # the place in a list, or the type of one of several
            options = [each for each in options if _tag(each) == part] or options
    return options[0].model_fields


def _all_fields(
    cls: type[BaseModel], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Fields of a model and of those in it that are not in lists, by where they are."""
    yield path, cls.model_fields
    for name, field in cls.model_fields.items():
        models = list(_models(field.annotation))
        if len(models) == 1:
            yield from _all_fields(models[0], (*path, name))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _tag(cls: type[BaseModel]) -> Any:
    return cls.model_fields["type"].default if "type" in cls.model_fields else None
