"""Which files in the inbox become datasets: the decision, as a function of what lies there.

Belongs here: names that count, and whose dataset a file is. Does not belong here: listing the folder (`sights`), when
the dataset's run is due (`arrivals`).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from synth_engine.io import ENDINGS, format_of
from synth_pipeline.automation.arrivals import Sight
from synth_pipeline.automation.reports import Report
from synth_pipeline.catalog import dataset_name

# What programs call files that they are still writing, or that are none of the user's.
_UNFINISHED = re.compile(
    r"^_temporary|^~|[~#]$|\.(?:part|partial|tmp|temp|crdownload|download|filepart|swp|lock|bak|aria2|upload)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Entry:
    """A file or folder of the inbox.

    Args:
        name: In the inbox.
        source: Path or URL.
        sight: What it looks like.
        holds_tables: Of a folder: whether there are Parquet files in it. None for a file.
    """

    name: str
    source: str
    sight: Sight
    holds_tables: bool | None = None


@dataclass(frozen=True)
class Adoption:
    """A file that becomes a dataset."""

    dataset: str
    entry: Entry


@dataclass(frozen=True)
class InboxDecision:
    """What is to become of the inbox.

    Args:
        adoptions: Files that become datasets now.
        seen: What to remember of files that are not datasets yet: identity by name.
        reports: On files that cannot become one.
    """

    adoptions: list[Adoption]
    seen: dict[str, str]
    reports: list[Report]


def is_temporary(name: str) -> bool:
    """Whether a file is hidden, or still being written as its name tells.

    >>> [is_temporary(name) for name in ("table.csv", ".table.csv", "table.csv.part", "_SUCCESS", "~$table.csv")]
    [False, True, True, True, True]
    """
    return name.startswith((".", "_")) or is_unfinished(name)


def is_unfinished(name: str) -> bool:
    """Whether a file is still being written, as its name tells; `_temporary` is where Spark writes."""
    return _UNFINISHED.search(name) is not None


def adopt(
    entries: Sequence[Entry],
    sources: Collection[str],
    datasets: Mapping[str, str],
    seen: Mapping[str, str],
    limit: int,
) -> InboxDecision:
    """Decide on every file that is no dataset's source yet.

    A file becomes a dataset when it has stood still, not empty, from one tick to the next.

    Args:
        entries: What lies in the inbox.
        sources: Sources of all datasets that there are.
        datasets: Source of each dataset that there is, by name; of one whose file cannot be read, an empty text.
        seen: What was remembered of the last tick.
        limit: Of adoptions at once.
    """
    decision = InboxDecision([], {}, [])
    taken = dict(datasets)
    for entry in sorted(entries, key=lambda entry: entry.name):
        if is_temporary(entry.name) or entry.source in sources:
            continue
        name = dataset_name(entry.name)
        if (why_not := _why_not(entry, name, taken)) is not None:
            decision.reports.append(why_not)
            continue
        taken[name] = entry.source  # a second file of that name has to wait, whatever becomes of this one
        sight = entry.sight
        stands_still = sight.is_whole and seen.get(entry.name) == sight.identity
        if stands_still and sight.size and len(decision.adoptions) < limit:
            decision.adoptions.append(Adoption(name, entry))
        else:
            decision.seen[entry.name] = sight.identity
            if stands_still and not sight.size:
                decision.reports.append(Report(f"inbox: {entry.name} is empty; it waits until something is written"))
    return decision


def _why_not(entry: Entry, name: str, taken: Mapping[str, str]) -> Report | None:
    if entry.holds_tables is None and format_of(entry.name) is None:
        text = f"inbox: {entry.name} is left alone: expected a name that ends in {ENDINGS}"
        return Report(text, is_problem=False)
    if entry.holds_tables is False:
        text = f"inbox: {entry.name} is left alone: expected a folder with .parquet files, found none in it"
        return Report(text, is_problem=False)
    if name in taken:
        other = taken[name] or "another source"
        return Report(
            f"inbox: {entry.name} would be dataset {name!r}, which is made from {other}; rename it, or let the "
            "dataset's source lead to it"
        )
    return None
