"""What a training spends of people's privacy: written into the ledger before any model that it paid for is.

Belongs here: lines for the ledger, and their limit. Does not belong here: what steps cost (`privacy`), how many are
taken (`training`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from synth_engine.domain import DifferentialPrivacyConfig
from synth_engine.workspace import Allowance, LedgerEntry, Workspace

_PURPOSE = "weights of the model"
_RUN, _STEPS = "run", "steps"


class Account(Protocol):
    """Told of every model that is about to be written."""

    def settle(self, steps: int) -> None:
        """Write down what so many steps cost, as far as that is not done yet."""
        ...


def allowance_of(config: DifferentialPrivacyConfig | None) -> Allowance | None:
    """What everything in the workspace may add up to; None where nothing was said of it."""
    if config is None or config.dataset_epsilon is None:
        return None
    return Allowance(config.dataset_epsilon, config.dataset_delta)


@dataclass(frozen=True)
class Unbounded:
    """A training without differential privacy: it needs no ledger, but voids one that is there.

    Args:
        workspace: Whose ledger.
        run: Tells runs apart.
        data_version: Of the data.
    """

    workspace: Workspace
    run: str
    data_version: str

    def settle(self, steps: int) -> None:
        """One line for each run."""
        entries = self.workspace.ledger.entries()
        if not steps or not entries or any(entry.parameters.get(_RUN) == self.run for entry in entries):
            return
        entry = LedgerEntry(
            stage="train",
            mechanism="exact gradients: not differentially private",
            purpose=_PURPOSE,
            parameters={_RUN: self.run},
            epsilon=None,
            delta=None,
            data_version=self.data_version,
        )
        self.workspace.ledger.add([entry])


@dataclass(frozen=True)
class Bounded:
    """A training with differential privacy. Its lines add up to what it costs, however many there are of them.

    Args:
        workspace: Whose ledger.
        run: Tells runs apart; a run that is resumed repeats its steps without a further loss, so it has the same.
        data_version: Of the data.
        mechanism: Its name.
        epsilon: Loss after so many steps; infinite where there is no noise.
        delta: Probability that it is larger.
        allowance: What the whole ledger may add up to.
        parameters: Settings of the mechanism.
    """

    workspace: Workspace
    run: str
    data_version: str
    mechanism: str
    epsilon: Callable[[int], float]
    delta: float
    allowance: Allowance | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def check(self, steps: int) -> None:
        """Raise `InputError`, saying what is left, if so many steps would overdraw the allowance."""
        entry = self._entry(steps)
        if self.allowance is not None and entry is not None:
            wanted = {"epsilon": [entry.epsilon], "delta": [entry.delta]}
            self.allowance.check(self.workspace.ledger.entries(), wanted)

    def settle(self, steps: int) -> None:
        """Add a line for what was not written down before; raises `InputError` if it would overdraw the allowance."""
        entry = self._entry(steps)
        if entry is not None:
            self.workspace.ledger.add([entry], self.allowance)

    def _entry(self, steps: int) -> LedgerEntry | None:
        mine = [entry for entry in self.workspace.ledger.entries() if entry.parameters.get(_RUN) == self.run]
        total = self.epsilon(steps)
        if any(entry.epsilon is None for entry in mine):
            return None
        settled = sum(entry.epsilon or 0.0 for entry in mine)
        if total <= settled:
            return None
        is_bounded = math.isfinite(total)
        return LedgerEntry(
            stage="train",
            mechanism=self.mechanism,
            purpose=_PURPOSE,
            parameters={_RUN: self.run, _STEPS: steps, **self.parameters},
            epsilon=total - settled if is_bounded else None,
            delta=(0.0 if mine else self.delta) if is_bounded else None,
            data_version=self.data_version,
        )
