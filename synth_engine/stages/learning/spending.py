"""What a training spends of people's privacy: written into the ledger before any model that it paid for is.

Belongs here: lines for the ledger, and their limit. Does not belong here: what steps cost (`privacy`), how many are
taken (`training`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
class RunLedger:
    """The lines of one run in the ledger of a workspace.

    Args:
        workspace: Whose ledger.
        run: Tells runs apart; a run that is resumed repeats its steps without a further loss, so it is the same.
        data_version: Of the data.
    """

    workspace: Workspace
    run: str
    data_version: str

    def all_entries(self) -> list[LedgerEntry]:
        """Those of everything that was done in the workspace."""
        return self.workspace.ledger.entries()

    def entries(self) -> list[LedgerEntry]:
        """Those of this run."""
        return [entry for entry in self.all_entries() if entry.parameters.get(_RUN) == self.run]

    def entry(
        self, mechanism: str, epsilon: float | None, delta: float | None, parameters: Mapping[str, Any]
    ) -> LedgerEntry:
        """A further line."""
        return LedgerEntry(
            stage="train",
            mechanism=mechanism,
            purpose=_PURPOSE,
            parameters={_RUN: self.run, **parameters},
            epsilon=epsilon,
            delta=delta,
            data_version=self.data_version,
        )


@dataclass(frozen=True)
class Unbounded:
    """Account of a training without differential privacy: it needs no ledger, but voids one that is there."""

    ledger: RunLedger

    def settle(self, steps: int) -> None:
        """One line for each run."""
        if steps and self.ledger.all_entries() and not self.ledger.entries():
            entry = self.ledger.entry("exact gradients: not differentially private", None, None, {})
            self.ledger.workspace.ledger.add([entry])


@dataclass(frozen=True)
class Bounded:
    """Account of a training with differential privacy. Its lines add up to what it costs, however many there are.

    Args:
        ledger: Where they are written.
        mechanism: Its name.
        epsilon: Loss after so many steps; infinite where there is no noise.
        delta: Probability that it is larger.
        allowance: What the whole ledger may add up to.
        parameters: Settings of the mechanism.
    """

    ledger: RunLedger
    mechanism: str
    epsilon: Callable[[int], float]
    delta: float
    allowance: Allowance | None
    parameters: Mapping[str, Any]

    def check(self, steps: int) -> None:
        """Raise `InputError`, saying what is left, if so many steps would overdraw the allowance."""
        entry = self._entry(steps)
        if self.allowance is not None and entry is not None:
            wanted = {"epsilon": [entry.epsilon], "delta": [entry.delta]}
            self.allowance.check(self.ledger.all_entries(), wanted)

    def settle(self, steps: int) -> None:
        """Add a line for what was not written down before; raises `InputError` if it would overdraw the allowance."""
        entry = self._entry(steps)
        if entry is not None:
            self.ledger.workspace.ledger.add([entry], self.allowance)

    def _entry(self, steps: int) -> LedgerEntry | None:
        mine, total = self.ledger.entries(), self.epsilon(steps)
        settled = [entry.epsilon for entry in mine]
        if None in settled or total <= sum(epsilon or 0.0 for epsilon in settled):
            return None
        parameters = {**self.parameters, _STEPS: steps}
        if not math.isfinite(total):
            return self.ledger.entry(self.mechanism, None, None, parameters)
        epsilon = total - sum(epsilon or 0.0 for epsilon in settled)
        return self.ledger.entry(self.mechanism, epsilon, 0.0 if mine else self.delta, parameters)
