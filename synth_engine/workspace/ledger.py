"""The privacy ledger: every privacy-spending event in a workspace, one line each, across artefacts and repeated runs.

An event is written down before anything that it paid for is published. So a crash can leave a spend that nothing came
of, but never a release that nobody counted.

Belongs here: how lines are added, and the running total. Does not belong here: what a mechanism is.
"""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from upath import UPath

from synth_engine.domain import ArtefactError
from synth_engine.workspace import storage

FILE_NAME = "ModelStore/privacy-ledger.jsonl"


class LedgerEntry(BaseModel):
    """One event.

    Args:
        stage: Which stage spent.
        mechanism: Its name.
        purpose: What was asked.
        column: The column; None for a table as a whole.
        parameters: Settings of the mechanism.
        epsilon: Privacy loss; None where there is no bound.
        delta: Probability that the bound does not hold; None where there is no bound.
        data_version: Keyed digest of the data; tells versions apart and nothing else.
        cumulated_epsilon: Sum over all lines up to this one, whatever their data version; None once one has no bound.
        cumulated_delta: The same for delta.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stage: str
    mechanism: str
    purpose: str
    column: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    epsilon: float | None
    delta: float | None
    data_version: str
    cumulated_epsilon: float | None = None
    cumulated_delta: float | None = None


class Ledger:
    """The ledger of a workspace. Use `Workspace.ledger` to get it.

    Guarantees: lines are only ever added, all of one call or none; the last line's totals are upper bounds of what the
    whole workspace has spent by sequential composition. They are not started anew for a new version of the data, which
    may be about the same people. On a local disk several processes may write; on object stores the last one of several
    at the same moment wins.
    """

    def __init__(self, root: UPath) -> None:
        self._path = root / FILE_NAME

    def entries(self) -> list[LedgerEntry]:
        """All events, oldest first; none where there is no ledger."""
        return self._parsed(storage.read(self._path))

    def add(self, entries: Iterable[LedgerEntry]) -> None:
        """Write events down, with the totals up to each of them."""
        new = list(entries)

        def extended(data: bytes | None) -> bytes:
            lines = [entry.model_dump_json() for entry in _cumulated(self._parsed(data), new)]
            return (data or b"") + "".join(f"{line}\n" for line in lines).encode()

        with storage.explained(self._path, "written"):
            storage.update(self._path, extended)

    def _parsed(self, data: bytes | None) -> list[LedgerEntry]:
        try:
            return [LedgerEntry.model_validate(json.loads(line)) for line in (data or b"").splitlines()]
        except (ValueError, ValidationError):
            raise ArtefactError(
                f"{self._path}: expected one privacy-spending event per line, found something else; put the file back "
                "as it was, or move it away and know that what was spent so far is no longer counted"
            ) from None


def _cumulated(old: list[LedgerEntry], new: list[LedgerEntry]) -> list[LedgerEntry]:
    epsilon: float | None = old[-1].cumulated_epsilon if old else 0.0
    delta: float | None = old[-1].cumulated_delta if old else 0.0
    result = []
    for entry in new:
        epsilon, delta = _added(epsilon, entry.epsilon), _added(delta, entry.delta)
        result.append(entry.model_copy(update={"cumulated_epsilon": epsilon, "cumulated_delta": delta}))
    return result


def _added(total: float | None, spent: float | None) -> float | None:
    return None if total is None or spent is None else total + spent
