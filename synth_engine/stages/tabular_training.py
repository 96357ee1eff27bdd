"""Training of tabular models: the half of `train` that needs torch."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synth_engine.domain import ProgressCallback, TrainConfig
from synth_engine.domain.progress import Progress
from synth_engine.stages.model_files import layout_of
from synth_engine.stages.model_saver import ModelSaver, Run
from synth_engine.stages.model_state import State
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.calibration import calibrate
from synth_engine.tabular.marginals import count_codes
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.recipe import AVERAGE_DECAY, batch_size_for, schedule_for
from synth_engine.tabular.sizes import DEFAULT, sizes_for
from synth_engine.tabular.task import TabularTask
from synth_engine.training import (
    History,
    Learner,
    Limits,
    Loop,
    PlainStepper,
    Randomness,
    ShuffledRows,
    WeightAverage,
)
from synth_engine.training.team import Team, decided_bytes, joined
from synth_engine.training.termination import awaited
from synth_engine.workspace import ArtefactReader
from synth_engine.workspace.artefacts import TRAINING, VALIDATION

DEFAULT_EPOCHS = 100.0
DEFAULT_MINUTES = 10 * 24 * 60.0


@dataclass(frozen=True)
class TabularTraining:
    """A training to be done.

    Args:
        statistics: Of the table.
        encoded: Its codes.
        config: Settings.
        device: Where to compute.
        saver: Where the model goes.
        state: What to go on from.
    """

    statistics: TableStatistics
    encoded: ArtefactReader
    config: TrainConfig
    device: torch.device
    saver: ModelSaver
    state: State | None

    def run(self, update_progress: ProgressCallback | None) -> None:
        """Train on the encoded rows, and save every better model; without a column there is nothing to learn."""
        with awaited() as termination, joined(self.device) as team:
            callback = update_progress if team.rank == 0 else None
            progress = Progress(callback, "train", total=_epochs(self.config), unit="epochs")
            if layout_of(self.statistics).n_columns == 0:
                if team.rank == 0:
                    self.saver.finish(None, History(), None, None)
                return
            codes = {role: _read_codes(self.encoded, role).to(self.device) for role in (TRAINING, VALIDATION)}
            run = self._run(team, len(codes[TRAINING]))
            network = self._network(codes[TRAINING], run.randomness)
            flexible = self.config.enable_flexible_generation
            task = TabularTask(network, codes[TRAINING], codes[VALIDATION], flexible=flexible)
            learner = self._learner(task, run, team)
            self.saver.begin(run, learner)
            loop = Loop(
                learner,
                ShuffledRows(task.n_training, *run.batch, run.randomness, self.device),
                Limits(run.limits["epochs"], run.limits["seconds"]),
                referee=task,
                progress=progress,
                keeper=self.saver if team.rank == 0 else None,
                team=team,
                termination=termination,
            )
            outcome = loop.run()
            if team.rank == 0:
                best = learner.best
                assert isinstance(best, TabularNetwork)
                if outcome.steps:
                    counts = count_codes(codes[TRAINING], best.layout.cardinalities)
                    calibrate(best, counts, run.randomness.generator(self.device, "calibration"))
                self.saver.finish(best, learner.history, outcome, loop.end)

    def _run(self, team: Team, n_training: int) -> Run:
        config = self.config
        if self.state is not None:
            randomness = self.state.run.randomness
        elif config.random_state is not None:
            randomness = Randomness.of_seed(config.random_state)
        else:
            randomness = Randomness(decided_bytes(Randomness.fresh().key, team))
        settings = {
            "model": config.model or DEFAULT,
            "enable_flexible_generation": config.enable_flexible_generation,
            "batch_size": config.batch_size or batch_size_for(n_training),
            "micro_batches": (config.gradient_accumulation_steps or 1) * team.size,
        }
        minutes = DEFAULT_MINUTES if config.max_training_time is None else config.max_training_time
        return Run(randomness, settings, {"epochs": _epochs(config), "seconds": 60 * minutes})

    def _network(self, training: Tensor, randomness: Randomness) -> TabularNetwork:
        layout = layout_of(self.statistics)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(randomness.seed("weights"))
            network = TabularNetwork(layout, sizes_for(self.config.model, len(layout.cardinalities)))
        network.to(self.device).start_from_marginals(count_codes(training, layout.cardinalities))
        return network

    def _learner(self, task: TabularTask, run: Run, team: Team) -> Learner:
        network = task.network
        batch_size, micro_batches = run.batch
        learner = Learner(
            network,
            PlainStepper(network, task.batch_losses, run.randomness, team),
            schedule_for(task.n_training, batch_size * micro_batches),
            WeightAverage(network, AVERAGE_DECAY),
        )
        if self.state is not None:
            self.state.resume(learner, run)
        return learner


def _epochs(config: TrainConfig) -> float:
    return DEFAULT_EPOCHS if config.max_epochs is None else config.max_epochs


def _read_codes(encoded: ArtefactReader, role: str) -> Tensor:
    """All partitions of a role as one integer matrix, rows by sub-columns."""
    tables = [encoded.table(name) for name in encoded.parts(role)]
    arrays = [np.column_stack([column.to_numpy() for column in table.columns]) for table in tables if table.num_columns]
    if not arrays:
        return torch.zeros(0, 0, dtype=torch.int32)
    return torch.from_numpy(np.concatenate(arrays).astype(np.int32))
