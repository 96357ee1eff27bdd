"""train: from integer codes to a model that can be handed over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth_engine.domain import DifferentialPrivacyConfig, InputError, ModelStateStrategy, ProgressCallback, TrainConfig
from synth_engine.domain.progress import Progress
from synth_engine.domain.randomness import derive_seed, fresh_seed
from synth_engine.stages.devices import resolve_device
from synth_engine.stages.model_files import ModelSaver, layout_of
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.stages.unavailable import refuse
from synth_engine.tabular.calibration import calibrate
from synth_engine.tabular.layout import Layout
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.recipe import batch_size_for, schedule_for
from synth_engine.tabular.sizes import check_identifier, sizes_for
from synth_engine.tabular.task import TabularTask
from synth_engine.training import History, Limits, PlainStepper, fit
from synth_engine.workspace import Artefact, ArtefactReader, Workspace
from synth_engine.workspace.artefacts import TRAINING, VALIDATION

DEFAULT_EPOCHS = 100.0
DEFAULT_MINUTES = 10 * 24 * 60.0


def train(  # noqa: PLR0913
    *,
    model: str | None = None,
    max_training_time: float | None = 14400.0,
    max_epochs: float | None = 100.0,
    batch_size: int | None = None,
    gradient_accumulation_steps: int | None = None,
    enable_flexible_generation: bool = True,
    max_sequence_window: int | None = None,
    differential_privacy: DifferentialPrivacyConfig | dict[str, Any] | None = None,
    model_state_strategy: ModelStateStrategy | str = ModelStateStrategy.reset,
    device: torch.device | str | None = None,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
    upload_model_data_callback: Callable[[], Any] | None = None,
    random_state: int | None = None,
) -> None:
    """Train a model on the encoded data of a workspace, until the validation loss stops improving or a limit is met.

    Makes ``ModelStore/model-data``. A model that was there stays until the first better-than-nothing successor is
    complete, and is then replaced by ever better ones.

    Args:
        model: ``MOSTLY_AI/Small``, ``MOSTLY_AI/Medium`` (the default) or ``MOSTLY_AI/Large``.
        max_training_time: Limit in minutes; None is 10 days, 0 leaves the model untrained.
        max_epochs: Limit in passes over the data, fractions allowed; None is 100, 0 leaves the model untrained.
        batch_size: Rows per micro-batch; None chooses by the number of rows.
        gradient_accumulation_steps: Micro-batches per optimiser step; None is 1.
        enable_flexible_generation: Learn every column order, which conditional generation needs.
        max_sequence_window: For sequences; not available yet.
        differential_privacy: Not available yet.
        model_state_strategy: ``RESET``; ``REUSE`` and ``RESUME`` are not available yet.
        device: ``cpu`` or ``cuda``; None takes a GPU where there is one.
        workspace_dir: Path or fsspec URL of a workspace that was split, analyzed and encoded.
        update_progress: Called after every epoch with losses, rate and speed; may return ``{"stopExecution": True}``.
        upload_model_data_callback: Called without arguments whenever a new best model is on disk.
        random_state: Seed; None takes a new one. On one type of CPU the same seed gives the same weights.

    Raises:
        ArtefactError: a stage before this one has not run on the data that is there, or its files are damaged.
        InputError: an argument that cannot be used, named in the message.
        NotImplementedError: a parameter, or a kind of table, that is not available yet.
        TrainingStoppedError: the loss stopped being finite before there was any model to keep.
    """
    config = TrainConfig.of(
        model=model,
        max_training_time=max_training_time,
        max_epochs=max_epochs,
        batch_size=batch_size,
        gradient_accumulation_steps=gradient_accumulation_steps,
        enable_flexible_generation=enable_flexible_generation,
        max_sequence_window=max_sequence_window,
        differential_privacy=differential_privacy,
        model_state_strategy=model_state_strategy,
        device=None if device is None else str(device),
        random_state=random_state,
    )
    _refuse_unavailable(config)
    _check_callable(upload_model_data_callback)
    check_identifier(config.model)
    target = resolve_device(config.device)
    workspace = Workspace(workspace_dir)
    stats = workspace.read(Artefact.TGT_STATS)
    made_from = {Artefact.TGT_STATS: stats.manifest}
    if workspace.has(Artefact.TGT_DATA):  # it may be gone, but must not be newer
        made_from[Artefact.TGT_DATA] = workspace.manifest(Artefact.TGT_DATA)
    statistics = TableStatistics.model_validate(stats.json(FILE_NAME))
    _refuse_sequences(statistics)
    encoded = workspace.read(Artefact.ENCODED_DATA, made_from=made_from)
    inputs = {Artefact.ENCODED_DATA: encoded.manifest, Artefact.TGT_STATS: stats.manifest}
    saver = ModelSaver(workspace, config, inputs, upload_model_data_callback)
    progress = Progress(update_progress, "train", total=_epochs(config), unit="epochs")
    codes = {role: read_codes(encoded, role) for role in (TRAINING, VALIDATION)}
    _train_tabular(statistics, codes, config, target, saver, progress)


def _check_callable(callback: object) -> None:
    if callback is not None and not callable(callback):
        found = type(callback).__name__
        raise InputError(f"upload_model_data_callback: expected a callable or None, found {found}")


def _refuse_unavailable(config: TrainConfig) -> None:
    refuse(
        "train",
        max_sequence_window=config.max_sequence_window,
        differential_privacy=config.differential_privacy,
        model_state_strategy=None if config.model_state_strategy == ModelStateStrategy.reset else "set",
    )


def _refuse_sequences(statistics: TableStatistics) -> None:
    if statistics.keys.context_key is not None:
        raise NotImplementedError(
            f"train: rows are related by tgt_context_key ({statistics.keys.context_key!r}), and the model of sequences "
            "and their context is not available yet; split a table without tgt_context_key"
        )


def read_codes(encoded: ArtefactReader, role: str) -> Tensor:
    """All partitions of a role as one integer matrix, rows by sub-columns."""
    tables = [encoded.table(name) for name in encoded.parts(role)]
    arrays = [np.column_stack([column.to_numpy() for column in table.columns]) for table in tables if table.num_columns]
    if not arrays:
        return torch.zeros(0, 0, dtype=torch.int32)
    return torch.from_numpy(np.concatenate(arrays).astype(np.int32))


def _train_tabular(
    statistics: TableStatistics,
    codes: dict[str, Tensor],
    config: TrainConfig,
    device: torch.device,
    saver: ModelSaver,
    progress: Progress,
) -> None:
    layout = layout_of(statistics)
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
