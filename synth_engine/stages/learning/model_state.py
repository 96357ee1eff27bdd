"""What of an existing model a training takes up: nothing, its weights, or all of it (`ModelStateStrategy`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from synth_engine.domain import ArtefactError, InputError, ModelStateStrategy, ModelType
from synth_engine.stages import model_files as files
from synth_engine.stages.learning.kinds import Reusable
from synth_engine.stages.learning.model_saver import FORMAT, Run
from synth_engine.training import Learner, Randomness
from synth_engine.workspace import Artefact, ArtefactReader, Manifest, Workspace

_OTHERWISE = "use model_state_strategy='REUSE' to keep its weights only, or 'RESET' to start from scratch"


@dataclass(frozen=True)
class State:
    """The state of a training that another one goes on from.

    Args:
        run: What it was.
        sizes: Of its network.
        learner: Its snapshot.
    """

    run: Run
    sizes: files.NetworkSizes
    learner: dict[str, Any]

    @property
    def steps(self) -> int:
        """Steps that were taken."""
        return int(self.learner["counters"]["step"])

    def resume(self, learner: Learner, run: Run) -> None:
        """Take it up. Where the cool-down was begun for a limit that is a wider one now, it was begun in vain.

        Raises:
            InputError: the settings are not those that it was begun with.
        """
        self._check(run.settings)
        fresh = learner.schedule
        learner.restore(self.learner)
        is_for_limits = learner.counters.limit is not None or fresh.cooldown_to is not None
        if is_for_limits and run.limits != self.run.limits:
            learner.counters.limit = None
            learner.schedule.cooldown_from, learner.schedule.cooldown_to = fresh.cooldown_from, fresh.cooldown_to

    def _check(self, settings: Mapping[str, Any]) -> None:
        before = self.run.settings
        changed = [
            f"{name} was {before.get(name)!r} and is {settings.get(name)!r} now"
            for name in sorted({*before, *settings})
            if before.get(name) != settings.get(name)
        ]
        if changed:
            raise InputError(
                f"model_state_strategy: 'RESUME' goes on with the settings that training was begun with, but "
                f"{'; '.join(changed)}; give the former ones, or {_OTHERWISE}"
            )


def find_state(workspace: Workspace, encoded: Manifest, strategy: ModelStateStrategy) -> State | None:
    """The state to resume from; None where there is no model, or where it is not asked for.

    Raises:
        ArtefactError: there is a model, but it was trained on other data, or nothing to go on from was kept.
    """
    if strategy is not ModelStateStrategy.resume or not workspace.has(Artefact.MODEL_DATA):
        return None
    model = workspace.read(Artefact.MODEL_DATA)
    place = workspace.folder(Artefact.MODEL_DATA)
    if model.manifest.inputs.get(Artefact.ENCODED_DATA.folder) != encoded.digest:
        raise ArtefactError(
            f"{place}: 'RESUME' goes on with the same data, but the model that is there was trained on other data than "
            f"{Artefact.ENCODED_DATA.folder} holds now; {_OTHERWISE}"
        )
    if files.SNAPSHOT_FILE not in model.manifest.files:  # there was nothing to train
        return None
    return _read(workspace, model)


def _read(workspace: Workspace, model: ArtefactReader) -> State:
    place = f"{workspace.folder(Artefact.MODEL_DATA)}/{files.SNAPSHOT_FILE}"
    found = model.parsed(files.SNAPSHOT_FILE, files.from_bytes)
    if found.get("format") != FORMAT:
        raise ArtefactError(
            f"{place}: has format {found.get('format')!r}, this version of synth_engine goes on from format {FORMAT}; "
            f"{_OTHERWISE}"
        )
    try:
        key = workspace.unseal(found["key"])
    except ValueError:
        raise ArtefactError(
            f"{place}: comes from another workspace, so what was random in it cannot be repeated; {_OTHERWISE}"
        ) from None
    run = Run(found["run"], Randomness(key), found["settings"], found["limits"], found["plan"])
    sizes = _configs_of(model).sizes
    assert sizes is not None
    return State(run, sizes, found["learner"])


def find_reusable(workspace: Workspace, strategy: ModelStateStrategy, device: torch.device) -> Reusable | None:
    """The model to reuse; None where there is none, or nothing in it, or where it is not asked for.

    Raises:
        ArtefactError: there is one, but it does not say what it was trained on.
    """
    if strategy is not ModelStateStrategy.reuse or not workspace.has(Artefact.MODEL_DATA):
        return None
    model = workspace.read(Artefact.MODEL_DATA)
    if files.STATISTICS_FILE not in model.manifest.files:
        raise ArtefactError(
            f"{workspace.folder(Artefact.MODEL_DATA)}: has no {files.STATISTICS_FILE}, so what its codes mean is not "
            "known; use model_state_strategy='RESET'"
        )
    described = files.Described.of_model(model)
    if described.is_empty:
        return None
    network = _network(model, described, device)
    if network is None:
        return None
    privacy = model.manifest.facts.get("privacy")
    events = None if privacy is None else privacy["events"]
    return Reusable(_configs_of(model).model, network, described, events, model)


def _network(model: ArtefactReader, described: files.Described, device: torch.device) -> files.Network | None:
    if described.model_type is ModelType.LANGUAGE:
        from synth_engine.stages.language_model import load_language_model  # needs libraries that not everybody has

        return load_language_model(model, device).network
    if described.has_subjects:
        return files.load_sequence_network(model, described, device)
    return files.load_network(model, described.target, device)


def _configs_of(model: ArtefactReader) -> files.ModelConfigs:
    return files.ModelConfigs.model_validate(model.json(files.CONFIGS_FILE))
