"""Reading sources for their contents, as far as one tick has time for it.

Belongs here: what is read, and what its content is called in run tags. Does not belong here: whether it has to be read
(`arrivals`).
"""

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synth_engine.domain import UserError
from synth_pipeline.automation.arrivals import Dataset, Sight
from synth_pipeline.automation.reports import Report
from synth_pipeline.resources import Storage
from synth_pipeline.sources import fingerprint


@dataclass(frozen=True)
class Allowance:
    """What one tick may read.

    Args:
        bytes: Of all files together. A larger file is never read: that its time changed is enough for a run, which
            finds out by itself whether there is anything to do.
        seconds: After which nothing more is begun.
    """

    bytes: int = 256 << 20
    seconds: float = 5.0


def read_contents(
    storage: Storage,
    datasets: Mapping[str, Dataset],
    names: Sequence[str],
    sights: Mapping[str, Sight | None],
    allowance: Allowance,
) -> tuple[dict[str, str], list[Report]]:
    """Tokens of contents by dataset, of as many as there is time for; and what could not be read.

    A token is keyed by a secret of the dataset's workspace: it is shown in the tags of runs, and nobody who has a table
    of his own can find out from it whether this is the one.

    Args:
        storage: Where the workspaces are.
        datasets: What is known of them.
        names: Those to be read.
        sights: What their sources look like.
        allowance: What may be read.
    """
    contents: dict[str, str] = {}
    reports: list[Report] = []
    end, left = time.monotonic() + allowance.seconds, allowance.bytes
    for name in names:
        sight = sights[name]
        if sight is None or time.monotonic() > end:
            continue
        is_read = not sight.is_content and sight.size <= allowance.bytes
        if is_read and sight.size > left:
            continue
        try:
            contents[name] = _token(storage, name, datasets[name].source, sight, is_read=is_read)
        except (UserError, OSError) as error:
            told = str(error) if isinstance(error, UserError) else type(error).__name__
            reports.append(Report(f"{name}: {told}"))
        left -= sight.size if is_read else 0
    return contents, reports


def _token(storage: Storage, name: str, source: str, sight: Sight, *, is_read: bool) -> str:
    key = storage.workspace(name).keyed("content of the source")
    if is_read:
        return fingerprint(source, key.hex()).digest[:12]
    return hmac.new(key, sight.identity.encode(), hashlib.sha256).hexdigest()[:12]
