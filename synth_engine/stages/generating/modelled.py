"""Columns that the user names: whether the model knows them, and which categories they have."""

from synth_engine.domain import InputError
from synth_engine.stages.statistics import TableStatistics


def check_modelled(name: str, parameter: str, statistics: TableStatistics) -> None:
    """Raise `InputError` unless the model knows the column."""
    if name not in statistics.modelled:
        known = ", ".join(statistics.modelled)
        is_key = name in statistics.schema.names
        what = "is a key, which the model does not know" if is_key else "is not in the original table"
        raise InputError(f"{parameter}: column {name!r} {what}; expected one of {known}")


def categories_of(name: str, parameter: str, statistics: TableStatistics) -> dict[str, int]:
    """Codes of a column by category; raises `InputError` where it has none that may be shown."""
    check_modelled(name, parameter, statistics)
    encoding = statistics.columns[name]
    codes = dict(encoding.named_codes())
    if not codes:
        raise InputError(
            f"{parameter}: column {name!r} must be categorical; its encoding is {encoding.type}, or none of its "
            "categories may be shown"
        )
    return codes
