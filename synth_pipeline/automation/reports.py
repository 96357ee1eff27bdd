"""What a tick has to say, once for as long as it is so.

Belongs here: what was said before, and what is news. Does not belong here: what there is to say.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from synth_engine.domain import without_secrets

_MAX_LINES = 20


@dataclass(frozen=True)
class Report:
    """Something that is the case, said when it begins and not again before it has ended.

    Args:
        text: In words; another text is another report.
        is_problem: Whether somebody has to do something about it.
    """

    text: str
    is_problem: bool = True

    @property
    def token(self) -> str:
        """What it is remembered by."""
        return hashlib.blake2b(self.text.encode(), digest_size=4).hexdigest()


def news(reports: Iterable[Report], told: Iterable[str]) -> tuple[list[Report], list[str]]:
    """Reports that were not said before, and what to remember of all; without passwords of the places they are about.

    >>> news([Report("a"), Report("b")], [Report("a").token])[0]
    [Report(text='b', is_problem=True)]
    """
    shown = [replace(report, text=without_secrets(report.text)) for report in reports]
    before, current = set(told), {report.token: report for report in shown}
    return [report for token, report in current.items() if token not in before], sorted(current)


def joined(texts: Iterable[str]) -> str:
    r"""Some of the texts, one a line, and how many more there are.

    >>> joined(["a", "b"])
    'a\nb'
    """
    lines = list(texts)
    more = len(lines) - _MAX_LINES
    return "\n".join(lines[:_MAX_LINES] + ([f"and {more:,} more"] if more > 0 else []))
