"""The privacy ledger: every privacy-spending event in a workspace, one line each, across artefacts and repeated runs.

An event is written down before anything that it paid for is published. So a crash can leave a spend that nothing came
of, but never a release that nobody counted.

Belongs here: how lines are added, and the running total. Does not belong here: what a mechanism is.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from upath import UPath

from synth_engine.domain import ArtefactError, InputError
from synth_engine.workspace import storage

FILE_NAME = "ModelStore/privacy-ledger.jsonl"
# What adding up in floating point may leave behind.
_ROUNDING = 1e-9


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


@dataclass(frozen=True)
class Allowance:
    """What all events of a workspace may add up to.

    Args:
        epsilon: Privacy loss.
        delta: Probability that it is larger; None does not limit it.
    """

    epsilon: float
    delta: float | None = None

    def check(self, old: Sequence[LedgerEntry], wanted: Mapping[str, Sequence[float | None]]) -> None:
        """Raise `InputError`, saying what is left, if more events would overdraw it.

        Args:
            old: The events so far.
            wanted: ``epsilon`` and ``delta`` of the further ones; None where there is no bound.
        """
        for name, limit in (("epsilon", self.epsilon), ("delta", self.delta)):
            if limit is None:
                continue
            used, amounts = (getattr(old[-1], f"cumulated_{name}") if old else 0.0), wanted[name]
            if used is None or None in amounts:
                where = f"{FILE_NAME} holds one without" if used is None else "this would be one without"
                raise InputError(
                    f"dataset_{name}: expected that all events have a bound, but {where}; statistics have one with "
                    "value_protection_epsilon, a training with noise; begin with a new workspace, or leave it out"
                )
            more = sum(amount or 0.0 for amount in amounts)
            if used + more > limit * (1 + _ROUNDING):
                raise InputError(
                    f"dataset_{name}: {limit:.4g} is allowed and {used:.4g} spent, so {max(limit - used, 0.0):.4g} is "
                    f"left, but up to {more:.4g} would be spent now; ask for less, or allow for more"
                )


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

    def add(self, entries: Iterable[LedgerEntry], allowance: Allowance | None = None) -> None:
        """Write events down, with the totals up to each of them.

        Raises:
            InputError: they would overdraw the allowance; then none is written.
        """
        new = list(entries)

        def extended(data: bytes | None) -> bytes:
            old = self._parsed(data)
            if allowance is not None:
                allowance.check(old, {name: [getattr(each, name) for each in new] for name in ("epsilon", "delta")})
            lines = [entry.model_dump_json() for entry in _cumulated(old, new)]
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
