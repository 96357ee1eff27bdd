"""Writing ``ModelStore/model-data``: the best model so far and a snapshot of its training, as one complete artefact.

The best model may be used at any time; the snapshot is what `RESUME` goes on from. Both are replaced together or not at
all, so they never belong to different runs.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synth_engine.domain import TrainConfig
from synth_engine.stages import model_files as files
from synth_engine.stages.learning.kinds import Kind
from synth_engine.stages.learning.regimes import Regime
from synth_engine.tabular.transfer import Transfer
from synth_engine.training import History, Learner, Outcome, Randomness
from synth_engine.workspace import Artefact, Manifest, Workspace

FORMAT = 1
# Snapshots are written at the ends of epochs, and inside of those that take longer than so many seconds. To write one
# takes no more than a small share of the time, however short the epochs are.
IN_EPOCH_INTERVAL = 120.0
MAX_SHARE_OF_TIME = 0.02
# Before the first one is written, in seconds: most small tables are done by then.
FIRST_INTERVAL = 10.0


@dataclass(frozen=True)
class Run:
    """What a snapshot must know of a training beside the learner.

    Args:
        id: Tells runs apart.
        randomness: Of the run.
        settings: Those that another run must share to go on from here.
        limits: Those that it may change.
        plan: What was decided for the run before its first step, whatever another run would decide.
    """

    id: str
    randomness: Randomness
    settings: dict[str, Any]
    limits: dict[str, float]
    plan: dict[str, Any]


class ModelSaver:
    """Puts away models and snapshots.

    Args:
        workspace: Where.
        config: Settings, for the manifest.
        inputs: What the model is made from, for the manifest.
        described: Statistics of the data that it is trained on.
        callback: Called whenever a new best model is on disk.

    Attributes:
        transfer: What of the weights of a former model this one started from.
    """

    def __init__(
        self,
        workspace: Workspace,
        config: TrainConfig,
        inputs: dict[Artefact, Manifest],
        described: files.Described,
        callback: Callable[[], Any] | None,
    ) -> None:
        self._workspace, self._config, self._inputs = workspace, config, inputs
        self._described, self._callback = described, callback
        self._run: Run | None = None
        self._regime: Regime | None = None
        self._kind: Kind | None = None
        self.transfer: Transfer | None = None
        self._saved_at, self._interval = time.monotonic(), FIRST_INTERVAL
        self._checkpoints_saved = 0

    def begin(self, run: Run, regime: Regime, kind: Kind, learner: Learner) -> None:
        """Name the run whose snapshots will be saved; models that the learner brings along are saved already."""
        self._run, self._regime, self._kind, self._saved_at = run, regime, kind, time.monotonic()
        self._checkpoints_saved = _checkpoints(learner.history)

    def is_due(self, *, at_end_of_epoch: bool) -> bool:
        """Whether a snapshot is worth its time."""
        interval = self._interval if at_end_of_epoch else max(self._interval, IN_EPOCH_INTERVAL)
        return time.monotonic() - self._saved_at >= interval

    def save(self, learner: Learner) -> None:
        """Save the best model so far, and all that is needed to go on from here."""
        assert isinstance(learner.best, files.Network)
        begun = time.monotonic()
        self._write(learner.best, learner.history, None, learner.snapshot())
        self._saved_at = time.monotonic()
        self._interval = (self._saved_at - begun) / MAX_SHARE_OF_TIME
        if _checkpoints(learner.history) > self._checkpoints_saved:
            self._tell()
        self._checkpoints_saved = _checkpoints(learner.history)

    def finish(
        self, network: files.Network | None, history: History, outcome: Outcome | None, snapshot: dict[str, Any] | None
    ) -> None:
        """Save the finished model with the whole history; without a network there is nothing to model."""
        self._write(network, history, outcome, snapshot)
        self._tell()

    def _write(
        self,
        network: files.Network | None,
        history: History,
        outcome: Outcome | None,
        snapshot: dict[str, Any] | None,
    ) -> None:
        settings = self._config.model_dump(mode="json")
        steps = 0 if snapshot is None else snapshot["counters"]["step"]
        if self._regime is not None:
            self._regime.account.settle(steps)
        with self._workspace.replace(Artefact.MODEL_DATA, config=settings, inputs=self._inputs) as writer:
            for name, content in self._files(network).items():
                writer.write_bytes(name, content)
            writer.write_json(files.CONFIGS_FILE, json.loads(self._configs(network).model_dump_json()))
            writer.write_bytes(files.STATISTICS_FILE, self._described.target.model_dump_json(indent=1).encode())
            if self._described.context is not None:
                context = self._described.context.model_dump_json(indent=1).encode()
                writer.write_bytes(files.CONTEXT_STATISTICS_FILE, context)
            writer.write_bytes(files.PROGRESS_FILE, history.to_csv().encode())
            if snapshot is not None:
                writer.write_bytes(files.SNAPSHOT_FILE, files.to_bytes(self._sealed(snapshot)))
            writer.facts = {
                "finished": outcome is not None or network is None,
                "steps": steps,
                "reused": None if self.transfer is None else self.transfer.facts,
                "privacy": None if self._regime is None else self._regime.guarantee(steps),
                "outcome": None if outcome is None else vars(outcome),
                "parameters": 0 if network is None else sum(p.numel() for p in network.parameters()),
            }

    def _files(self, network: files.Network | None) -> dict[str, bytes]:
        return files.weights_file(None) if network is None or self._kind is None else self._kind.files(network)

    def _configs(self, network: files.Network | None) -> files.ModelConfigs:
        run = self._run
        return files.ModelConfigs(
            model=self._config.model or self._described.default_model if run is None else run.settings["model"],
            model_type=self._described.model_type,
            sizes=None if network is None else network.sizes,
            enable_flexible_generation=self._config.enable_flexible_generation,
            max_sequence_window=self._config.max_sequence_window,
        )

    def _sealed(self, learner: dict[str, Any]) -> dict[str, Any]:
        assert self._run is not None
        return {
            "format": FORMAT,
            "run": self._run.id,
            # Who knows it could tell which records a step was about, and undo the noise of differential privacy.
            "key": self._workspace.seal(self._run.randomness.key),
            "settings": self._run.settings,
            "limits": self._run.limits,
            "plan": self._run.plan,
            "learner": learner,
        }

    def _tell(self) -> None:
        if self._callback is not None:
            self._callback()


def _checkpoints(history: History) -> int:
    return sum(record.is_checkpoint for record in history.records)
