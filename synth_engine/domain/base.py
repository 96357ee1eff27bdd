"""What all configurations have in common: the base class, and errors that name the parameter.

Belongs here: what more than one file of configurations needs. Does not belong here: any configuration.
"""

from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo, field_validator

from synth_engine.domain.errors import InputError

# Users and YAML write true or 1 where the column holds truth values or numbers.
Category = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, bool | int | float) else value)]


class Config(BaseModel):
    """Base of all configurations: frozen, unknown keys refused, errors that name the parameter.

    The docstring of a field is its description, also in JSON schemas.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        # Python takes True for 1; whoever passes it means something else.
        field = cls.model_fields[str(info.field_name)]
        if isinstance(value, bool) and field.annotation is not bool:
            raise ValueError("Input should not be a truth value")
        return value

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Build the configuration; raises `InputError` naming every parameter that is not acceptable."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise InputError("; ".join(_describe(cls, item) for item in error.errors())) from None


def _describe(cls: type[Config], item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]) or cls.__name__
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown parameter, expected one of {', '.join(_known(cls, item['loc'][:-1]))}"
    found = "" if isinstance(item["input"], dict) else f", found {item['input']!r}"
    return f"{where}: {item['msg']}{found}"


def _known(cls: type[Config], path: tuple[str | int, ...]) -> list[str]:
    """Parameters of the configuration that lies at `path` inside `cls`."""
    options: list[type[Config]] = [cls]
    for part in path:
        fields = [option.model_fields[str(part)] for option in options if str(part) in option.model_fields]
        if fields:
            options = [kind for field in fields for kind in _configs(field.annotation)] or options
        else:  # the place in a list, or the type of one of several
            options = [option for option in options if _type_of(option) == part] or options
    return list(options[0].model_fields)


def _configs(annotation: Any) -> list[type[Config]]:
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _configs(part)]


def _type_of(cls: type[Config]) -> Any:
    return cls.model_fields["type"].default if "type" in cls.model_fields else None
