"""Classes of options as parameters of commands, so that commands which share options share a class.

Belongs here: how a class becomes options. Does not belong here: any option (`options`), any class (`stage_options`).
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

_Command = Callable[..., None]


def with_options(command: _Command) -> _Command:
    """The command with the fields of dataclasses among its parameters as parameters of its own, which typer can read.

    A field may be a dataclass, too. Fields of the same name in several of them are one option, as the first of them
    describes it, and all get its value.
    """
    hints = get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters
    options: dict[str, inspect.Parameter] = {}
    for name, parameter in own.items():
        for option in _options(name, hints[name], parameter.default):
            options.setdefault(option.name, option)

    @wraps(command)
    def expanded(**given: Any) -> None:
        command(**{name: _value(name, hints[name], given) for name in own})

    expanded.__signature__ = inspect.Signature(list(options.values()))  # type: ignore[attr-defined]
    expanded.__annotations__ = {name: option.annotation for name, option in options.items()}
    return expanded


def _options(name: str, hint: Any, default: Any) -> Iterator[inspect.Parameter]:
    if not is_dataclass(hint):
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
        return
    hints = get_type_hints(hint, include_extras=True)
    for field in fields(hint):
        of_field = inspect.Parameter.empty if field.default is MISSING else field.default
        yield from _options(field.name, hints[field.name], of_field)


def _value(name: str, hint: Any, given: Mapping[str, Any]) -> Any:
    if not is_dataclass(hint):
        return given[name]
    assert isinstance(hint, type)
    hints = get_type_hints(hint, include_extras=True)
    return hint(**{field.name: _value(field.name, hints[field.name], given) for field in fields(hint)})
