"""Whether an artefact is still what its inputs and settings would give, so that its stage need not run.

Belongs here: the decision, as a function of facts. Does not belong here: gathering the facts, running stages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synth_engine.workspace import Manifest

INTERRUPTED = "its making was interrupted"
# How a model came about says nothing about whether it is the one that is wanted.
_OF_NO_ACCOUNT = {"model_state_strategy"}


@dataclass(frozen=True)
class Wanted:
    """What an artefact is to be made from.

    Attributes:
        config: Settings by name; None if another artefact of the same stage answers for them.
        inputs: Digest of each input that is there now, by folder; None for one that is not.
        engine_version: Version of the engine that would make it.
    """

    config: Mapping[str, Any] | None
    inputs: Mapping[str, str | None]
    engine_version: str


def why_rebuild(found: Manifest | None, wanted: Wanted, damaged: Sequence[str]) -> str | None:
    """The first reason why the artefact must be made anew, or None if it is current.

    Args:
        found: Manifest of the artefact that is there, or None.
        wanted: What it is to be made from.
        damaged: Names of files that are missing or not what the manifest says.
    """
    if found is None:
        return "it was not there"
    if found.engine_version != wanted.engine_version:
        return f"it was made by version {found.engine_version} of the engine, this is {wanted.engine_version}"
    if not found.facts.get("finished", True):  # training shows its best model so far before it ends
        return _change(found, wanted, damaged) or INTERRUPTED
    return _change(found, wanted, damaged)


def _change(found: Manifest, wanted: Wanted, damaged: Sequence[str]) -> str | None:
    return _input_change(found, wanted) or _config_change(found, wanted) or _damage(damaged)


def _input_change(found: Manifest, wanted: Wanted) -> str | None:
    changed = _different(found.inputs, wanted.inputs)
    return f"{', '.join(changed)} changed" if changed else None


def _config_change(found: Manifest, wanted: Wanted) -> str | None:
    if wanted.config is None:
        return None
    changed = [
        f"{name} from {found.config.get(name)!r} to {wanted.config.get(name)!r}"
        for name in _different(found.config, wanted.config)
        if name not in _OF_NO_ACCOUNT
    ]
    return f"settings changed: {', '.join(changed)}" if changed else None


def _damage(damaged: Sequence[str]) -> str | None:
    return f"files were lost or damaged: {', '.join(damaged)}" if damaged else None


def _different(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
