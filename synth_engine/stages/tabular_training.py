"""Training a tabular model on encoded rows: the half of `train` that needs torch."""

import numpy as np
import torch
from torch import Tensor

from synth_engine.domain import ProgressCallback, TrainConfig
from synth_engine.domain.progress import Progress
from synth_engine.domain.randomness import derive_seed, fresh_seed
from synth_engine.stages.model_files import ModelSaver, layout_of
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.calibration import calibrate
from synth_engine.tabular.layout import Layout
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.recipe import batch_size_for, schedule_for
from synth_engine.tabular.sizes import sizes_for
from synth_engine.tabular.task import TabularTask
from synth_engine.training import History, Limits, PlainStepper, fit
from synth_engine.workspace import ArtefactReader
from synth_engine.workspace.artefacts import TRAINING, VALIDATION

DEFAULT_EPOCHS = 100.0
DEFAULT_MINUTES = 10 * 24 * 60.0


def train_tabular(
    statistics: TableStatistics,
    encoded: ArtefactReader,
    config: TrainConfig,
    device: torch.device,
    saver: ModelSaver,
    update_progress: ProgressCallback | None,
) -> None:
    """Train on the encoded rows, and save every better model; without a column there is nothing to learn."""
    progress = Progress(update_progress, "train", total=_epochs(config), unit="epochs")
    layout = layout_of(statistics)
    codes = {role: _read_codes(encoded, role) for role in (TRAINING, VALIDATION)}
    if layout.n_columns == 0:
        saver.finish(None, History(), None)
        return
    seed = fresh_seed() if config.random_state is None else config.random_state
    training = codes[TRAINING].to(device)
    network = _new_network(layout, config, training, seed)
    orders = torch.Generator(device).manual_seed(derive_seed(seed, "orders"))
    task = TabularTask(
        network,
        training,
        codes[VALIDATION].to(device),
        flexible=config.enable_flexible_generation,
        generator=orders,
    )
    limits = _limits(config, task.n_training)
    outcome, history, best = fit(
        task,
        PlainStepper(network, task.batch_loss),
        schedule_for(task.n_training, limits.batch_size * limits.accumulation),
        limits,
        generator=torch.Generator(device).manual_seed(derive_seed(seed, "rows")),
        progress=progress,
        on_best=saver.on_best,
    )
    assert isinstance(best, TabularNetwork)
    if outcome.steps:
        calibrate(best, training, orders)
    saver.finish(best, history, outcome)


def _new_network(layout: Layout, config: TrainConfig, training: Tensor, seed: int) -> TabularNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        network = TabularNetwork(layout, sizes_for(config.model, len(layout.cardinalities)))
    network.to(training.device).start_from_marginals(training)
    return network


def _limits(config: TrainConfig, n_training: int) -> Limits:
    return Limits(
        epochs=_epochs(config),
        seconds=60 * (DEFAULT_MINUTES if config.max_training_time is None else config.max_training_time),
        batch_size=config.batch_size or batch_size_for(n_training),
        accumulation=config.gradient_accumulation_steps or 1,
    )


def _epochs(config: TrainConfig) -> float:
    return DEFAULT_EPOCHS if config.max_epochs is None else config.max_epochs


def _read_codes(encoded: ArtefactReader, role: str) -> Tensor:
    """All partitions of a role as one integer matrix, rows by sub-columns."""
    tables = [encoded.table(name) for name in encoded.parts(role)]
    arrays = [np.column_stack([column.to_numpy() for column in table.columns]) for table in tables if table.num_columns]
    if not arrays:
        return torch.zeros(0, 0, dtype=torch.int32)
    return torch.from_numpy(np.concatenate(arrays).astype(np.int32))
