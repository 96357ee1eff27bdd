"""Whether a changed source is worth a new training: the decision, as a function of figures.

Belongs here: what follows from how far columns have moved, and from what is left of the privacy budget. Does not belong
here: measuring (`drift_report`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synth_engine.domain import DifferentialPrivacyConfig, InputError, ModelStateStrategy
from synth_engine.workspace import Allowance, LedgerEntry
from synth_pipeline.automation.stability import Stability

_MAX_NAMED = 10


@dataclass(frozen=True)
class Measured:
    """How a changed source differs from what the model was trained with.

    Args:
        changes: What is drift by itself, in words: columns that are new, missing or of another type.
        columns: Figures by column.
    """

    changes: Sequence[str]
    columns: Mapping[str, Stability]

    def drifted(self, threshold: float) -> list[str]:
        """Columns above the threshold, the worst first."""
        return [name for name, each in self.worst_first() if each.is_above(threshold)]

    def worst_first(self) -> list[tuple[str, Stability]]:
        """All figures."""
        return sorted(self.columns.items(), key=lambda item: -item[1].index)


@dataclass(frozen=True)
class Verdict:
    """What is to be done.

    Args:
        outcome: ``train``: a run is to be requested. ``keep``: nothing drifted. ``refuse``: something did, and there is
            no privacy budget for a training.
        reason: Why, in words.
        strategy: What of the model is taken up.
    """

    outcome: Literal["train", "keep", "refuse"]
    reason: str
    strategy: ModelStateStrategy = ModelStateStrategy.reuse


def judge(
    measured: Measured, threshold: float, *, is_private: bool, budget: str | None, strategy: ModelStateStrategy
) -> Verdict:
    """The verdict.

    Args:
        measured: Figures.
        threshold: Of the dataset.
        is_private: Whether columns are not to be named, as figures of real rows say which.
        budget: Why there is no budget for a training; None if there is.
        strategy: What a training would take up.
    """
    reasons = list(measured.changes)
    if drifted := measured.drifted(threshold):
        more = f" and {len(drifted) - _MAX_NAMED} more" if len(drifted) > _MAX_NAMED else ""
        reasons.append(f"drift above {threshold:g} in {', '.join(drifted[:_MAX_NAMED])}{more}")
    if not reasons:
        return Verdict("keep", f"no column drifted above {threshold:g}")
    told = "its source drifted" if is_private else "; ".join(reasons)
    if budget is not None:
        return Verdict("refuse", f"{told}, but nothing is trained: {budget}")
    return Verdict("train", told, strategy)


def why_no_budget(privacy: DifferentialPrivacyConfig | None, entries: Sequence[LedgerEntry]) -> str | None:
    """Why the budget of the dataset does not allow for another analysis and training; None if it does.

    They are taken to cost what the last ones did; the engine checks again with what they will really cost.

    Args:
        privacy: Settings of the training.
        entries: The ledger.
    """
    if privacy is None or privacy.dataset_epsilon is None:
        return None
    last = [*_last_block(entries, "analyze"), *_last_block(entries, "train")]
    wanted = {"epsilon": [entry.epsilon for entry in last], "delta": [entry.delta for entry in last]}
    try:
        Allowance(privacy.dataset_epsilon, privacy.dataset_delta).check(entries, wanted)
    except InputError as error:
        return str(error)
    return None


def _last_block(entries: Sequence[LedgerEntry], stage: str) -> list[LedgerEntry]:
    """Lines of the last run of a stage: they lie next to each other, those of other stages left out."""
    block: list[LedgerEntry] = []
    for entry in reversed(entries):
        if entry.stage == stage and (not block or _run(entry) == _run(block[0])):
            block.append(entry)
        elif block:
            break
    return block


def _run(entry: LedgerEntry) -> tuple[Any, str]:
    return entry.parameters.get("run"), entry.data_version


def strategy_for(privacy: DifferentialPrivacyConfig | None, model: Mapping[str, Any]) -> ModelStateStrategy:
    """What a training after a drift takes up: the weights, unless that leaves no privacy to be spent.

    What weights have cost counts towards the limits of the model that is made from them; those of a model without a
    bound cannot be taken up at all.

    Args:
        privacy: Settings of the training.
        model: Facts in the manifest of the model.
    """
    if privacy is None:
        return ModelStateStrategy.reuse
    is_limited = privacy.max_epsilon is not None or privacy.target_epsilon is not None
    is_bounded = model.get("privacy") is not None
    return ModelStateStrategy.reset if is_limited or not is_bounded else ModelStateStrategy.reuse
