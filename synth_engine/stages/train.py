"""train: from integer codes to a model that can be handed over."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth_engine.domain import (
    DifferentialPrivacyConfig,
    InputError,
    ModelStateStrategy,
    ModelType,
    ProgressCallback,
    TrainConfig,
)
from synth_engine.stages.models import check_installed, check_model
from synth_engine.stages.statistics import TableStatistics
from synth_engine.workspace import Artefact, Workspace

if TYPE_CHECKING:  # it takes seconds to import, and only training needs it
    import torch


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
    device: "torch.device | str | None" = None,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
    upload_model_data_callback: Callable[[], Any] | None = None,
    four_bit: bool = False,
    random_state: int | None = None,
) -> None:
    """Train a model on the encoded data of a workspace, until the validation loss stops improving or a limit is met.

    Makes ``ModelStore/model-data``: the best model so far, and a snapshot to resume from. A model that was there stays
    until the first snapshot of its successor is complete. SIGTERM and SIGINT save one before they do what they do
    otherwise; a second SIGINT (Ctrl-C) does not wait for that.

    Without rows, or without a column but a key, there is nothing to learn: the model is made all the same, and
    `generate` returns rows of the right schema.

    Args:
        model: For tables ``MOSTLY_AI/Small``, ``MOSTLY_AI/Medium`` (the default) or ``MOSTLY_AI/Large``. For columns
            with LANGUAGE encodings ``MOSTLY_AI/LSTMFromScratch-3m`` (the default), a small recurrent network that
            starts from nothing, or any causal language model of transformers, by its name on the Hugging Face hub or by
            the folder that it is in; low-rank adapters of it are trained. None is the one that is taken up, if any.
        max_training_time: Limit in minutes; None is 10 days, 0 leaves the model untrained.
        max_epochs: Limit in passes over the data, fractions allowed; None is 100, 0 leaves the model untrained.
        batch_size: Rows per micro-batch; None chooses by the number of rows.
        gradient_accumulation_steps: Micro-batches per optimiser step; None is 1.
        enable_flexible_generation: Learn every column order, which conditional generation needs.
        max_sequence_window: How many events of a subject are learned from at once, where rows belong to subjects; None
            is 100. Longer sequences are seen window by window. Bounds the memory.
        differential_privacy: Limits and noise of differentially private training, as a config or a dict. Rows are
            drawn at random, each counts for ``max_grad_norm`` at most, and noise is on every step. No step is taken
            that would pass ``max_epsilon``; with ``target_epsilon`` the noise is chosen for the number of epochs (20,
            unless `max_epochs` says otherwise). Validation rows are not looked at, and no loss is told. Every model is
            paid for in ``ModelStore/privacy-ledger.jsonl`` before it is written. Half of ``delta`` is for training.
        model_state_strategy: What of a model that is there is taken up. ``RESET``: nothing. ``REUSE``: its weights,
            code by code where the data has other columns or values now. ``RESUME``: all, to go on with a training of
            the same data that was interrupted, or that ended by a limit; the result is that of a training in one go,
            bit for bit on a CPU. Where there is no model, both start from scratch.
        device: ``cpu`` or ``cuda``; None takes a GPU where there is one.
        workspace_dir: Path or fsspec URL of a workspace that was split, analyzed and encoded.
        update_progress: Called after every epoch with losses, rate and speed; may return ``{"stopExecution": True}``.
        upload_model_data_callback: Called without arguments whenever a new best model is on disk.
        four_bit: Keep the weights of a pretrained language model with 4 bits each; wants a GPU and `bitsandbytes`.
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
        four_bit=four_bit,
        random_state=random_state,
    )
    _check_callable(upload_model_data_callback)
    from synth_engine.stages.devices import resolve_device
    from synth_engine.stages.learning.kinds import other_kind
    from synth_engine.stages.learning.model_saver import ModelSaver
    from synth_engine.stages.learning.model_state import find_reusable, find_state
    from synth_engine.stages.learning.model_training import ModelTraining
    from synth_engine.stages.model_files import Described

    target = resolve_device(config.device)
    workspace = Workspace(workspace_dir)
    described, made = Described.read(workspace)
    check_installed(described.model_type)
    _check_of_type(config, described.model_type)
    made_from = dict(made)
    if workspace.has(Artefact.TGT_DATA):  # it may be gone, but must not be newer
        made_from[Artefact.TGT_DATA] = workspace.manifest(Artefact.TGT_DATA)
    _check_statistics(config, described.target)
    encoded = workspace.read(Artefact.ENCODED_DATA, made_from=made_from)
    inputs = {Artefact.ENCODED_DATA: encoded.manifest, **made}
    state = find_state(workspace, encoded.manifest, config.model_state_strategy)
    saver = ModelSaver(workspace, config, inputs, described, upload_model_data_callback)
    reused = find_reusable(workspace, config.model_state_strategy, target)
    if reused is not None and reused.described.model_type is not described.model_type:
        raise other_kind(reused.described, described)
    taken_up = state.run.settings["model"] if state else reused.model if reused else None
    config = config.model_copy(update={"model": config.model or taken_up})
    data_version = made[Artefact.TGT_STATS].inputs[Artefact.TGT_DATA.folder]
    training = ModelTraining(workspace, described, encoded, data_version, config, target, saver, state, reused)
    training.run(update_progress)


def _check_callable(callback: object) -> None:
    if callback is not None and not callable(callback):
        found = type(callback).__name__
        raise InputError(f"upload_model_data_callback: expected a callable or None, found {found}")


def _check_of_type(config: TrainConfig, model_type: ModelType) -> None:
    """Refuse what means nothing to this type of model."""
    check_model(config.model, model_type)
    if model_type is ModelType.LANGUAGE and config.max_sequence_window is not None:
        raise InputError("max_sequence_window: is for sequences of rows, and these are written records; leave it out")
    if model_type is ModelType.TABULAR and config.four_bit:
        raise InputError("four_bit: is for pretrained language models, and this is a table; leave it out")


def _check_statistics(config: TrainConfig, statistics: TableStatistics) -> None:
    """Who asks for protection of values here has to have it."""
    privacy = config.differential_privacy
    asked = None if privacy is None else privacy.value_protection_epsilon
    if asked is not None and statistics.differential_privacy is None:
        raise InputError(
            f"differential_privacy.value_protection_epsilon: {asked:g} was asked for, but the statistics in the "
            "workspace are not differentially private; run analyze with the same differential_privacy first"
        )
