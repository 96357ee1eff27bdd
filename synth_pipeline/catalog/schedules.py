"""What a schedule may be: cron expressions by what Dagster makes of them, time zones by the system's database.

Belongs here: whether a text is one. Does not belong here: running anything.
"""

import difflib
import zoneinfo
from functools import cache

_EXAMPLE = "such as '0 6 * * 1-5' for six in the morning from Monday to Friday"


@cache
def check_cron(text: str) -> None:
    """Raise `ValueError` unless the text has five fields and Dagster takes it."""
    expected = "expected five fields: minute, hour, day of the month, month, day of the week"
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"{expected}, {_EXAMPLE}; found {len(fields)} in {text!r}")
    # Who keeps to the schedule is asked, which takes seconds; so it is asked only where there is one.
    from dagster import DagsterInvalidDefinitionError, ScheduleDefinition

    try:
        ScheduleDefinition(name="check", job_name="check", cron_schedule=text)
    except DagsterInvalidDefinitionError:
        raise ValueError(
            f"{expected}, {_EXAMPLE}; found {text!r}, of which a field is out of its range, or which never comes"
        ) from None


@cache
def check_timezone(name: str) -> None:
    """Raise `ValueError` unless the name is one of the IANA time zone database."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(
            f"expected a name of the IANA time zone database such as Europe/Vienna, found {name!r}{hint}"
        ) from None
