"""Constraints: what every generated row is to fulfil, as the user says it.

Belongs here: what can be said. Does not belong here: whether a column can keep it, or how it is kept.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from synth_engine.domain.base import Category, Config


def _plain(value: Any) -> Any:
    """YAML makes dates of what looks like one."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


Bound = Annotated[int | float | str, BeforeValidator(_plain)]


class _Typed(Config):
    """A constraint, which says its type also where defaults are left out, as in files of the pipeline's catalogue."""

    @model_serializer(mode="wrap")
    def _with_type(self, others: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"type": type(self).model_fields["type"].default, **others(self)}


class InequalityConstraint(_Typed):
    """In no row is `low` above `high`, two columns of numbers or of dates; with `strict` they are not equal either.

    Null is neither above nor below.
    """

    type: Literal["inequality"] = "inequality"
    """That this is about two columns, one of which is never above the other."""
    low: str
    """Column that is never above `high`."""
    high: str
    """Column that is never below `low`."""
    strict: bool = False
    """Whether the two are never equal either."""

    @property
    def columns(self) -> list[str]:
        """The columns that it is about."""
        return [self.low, self.high]

    @model_validator(mode="after")
    def _two_columns(self) -> Self:
        if self.low == self.high:
            raise ValueError(f"low and high must be two columns, found {self.low!r} for both")
        return self


class RangeConstraint(_Typed):
    """Numbers or dates of a column lie from `low` to `high`, both included; None leaves an end open. Null may be.

    Dates are ISO 8601 text, in UTC where the column has a time zone; a date without a time of day is all of that day.
    """

    type: Literal["range"] = "range"
    """That this is about the ends of a column."""
    column: str
    """A column of numbers or dates."""
    low: Bound | None = None
    """Least value, which may be; left out, there is none."""
    high: Bound | None = None
    """Greatest value, which may be; left out, there is none."""

    @property
    def columns(self) -> list[str]:
        """The column that it is about."""
        return [self.column]

    @model_validator(mode="after")
    def _an_end(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("low or high must be given")
        return self


class CombinationsConstraint(_Typed):
    """Values of categorical columns occur together only as in one of `rows`; None is null."""

    type: Literal["combinations"] = "combinations"
    """That this is about values that occur together."""
    columns: Annotated[list[str], Field(min_length=1)]
    """Categorical columns."""
    rows: Annotated[list[list[Category | None]], Field(min_length=1)]
    """Values that occur together: one for each column, null for none."""

    @model_validator(mode="after")
    def _a_table(self) -> Self:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns must be different ones")
        wrong = [place for place, row in enumerate(self.rows) if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(
                f"rows must have {len(self.columns)} value(s) each, one for each column; row {wrong[0]} (counted from "
                f"0) has {len(self.rows[wrong[0]])}"
            )
        return self


def _type(value: Any) -> Any:
    return value.get("type") if isinstance(value, dict) else getattr(value, "type", None)


Constraint = Annotated[
    Annotated[InequalityConstraint, Tag("inequality")]
    | Annotated[RangeConstraint, Tag("range")]
    | Annotated[CombinationsConstraint, Tag("combinations")],
    # pydantic's own discriminator goes with no validator of all fields
    Discriminator(
        _type,
        custom_error_type="constraint_type",
        custom_error_message="expected a type that is 'inequality', 'range' or 'combinations'",
    ),
]
"""Any of them, told by its ``type``."""
