"""The life of an estimator: how it comes to a model, where that lies, what a pickle holds, and how it ends."""

from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from upath import UPath

from synth_engine import stages
from synth_engine.domain import AnalyzeConfig, InputError, ModelType, TrainConfig
from synth_engine.estimators.own_workspace import OwnWorkspace
from synth_engine.estimators.parameters import Parameters
from synth_engine.estimators.tables import Features, with_target
from synth_engine.stages.models import check_model
from synth_engine.stages.table_input import TableLike
from synth_engine.terminal import TerminalProgress
from synth_engine.workspace import Workspace

if TYPE_CHECKING:  # it takes seconds to import
    from synth_engine.estimators.opening import Fitted

# Parameters that are arguments of `split`, and of `train`.
_SPLIT = [
    "ctx_data",
    "tgt_primary_key",
    "ctx_primary_key",
    "tgt_context_key",
    "tgt_encoding_types",
    "ctx_encoding_types",
    "n_partitions",
    "trn_val_split",
]
_TRAIN = [
    "model",
    "max_training_time",
    "max_epochs",
    "batch_size",
    "gradient_accumulation_steps",
    "enable_flexible_generation",
    "max_sequence_window",
    "differential_privacy",
    "device",
    "four_bit",
    "random_state",
]


class Lifecycle(Parameters):
    """What there is between the constructor and the questions: see `TabularARGN`, whose parameters it reads."""

    ctx_data: TableLike | None
    device: Any
    model: str | None
    random_state: int | None
    value_protection: bool
    verbose: int
    workspace_dir: str | Path | None
    target_: str | None
    feature_names_in_: Any

    _model_type: ClassVar[ModelType] = ModelType.TABULAR
    _own: OwnWorkspace | None = None
    _workspace: Workspace | None = None
    _opened: "Fitted | None" = None

    def fit(self, X: Features, y: Any = None) -> Self:
        """Split, analyze, encode and train: see these.

        Args:
            X: The table: a frame, an Arrow table, or an array of shape (rows, columns), whose columns are called
                ``x0``, ``x1`` and so on.
            y: A further column, one value for each row; its name is that of the series, or ``target``. It is modelled
                like the others, but is what `predict` and `predict_proba` take for the target.

        With a `tgt_context_key`, rows are the events of subjects: those in `ctx_data`, or the distinct keys.

        Returns:
            Itself. A model that it had is gone.

        Raises:
            InputError: a table or a parameter that cannot be used, named in the message.
            NotImplementedError: a parameter that is not available yet.
            TrainingStoppedError: the loss stopped being finite before there was any model to keep.
        """
        self._check_parameters()
        table, target = with_target(X, y)
        self.close()
        own = None if self.workspace_dir is not None else OwnWorkspace()
        try:
            workspace = Workspace(self.workspace_dir or "" if own is None else own.path)
            self._run_stages(table, workspace)
        except BaseException:
            if own is not None:
                own.close()
            raise
        if own is not None:
            own.forget_originals()
        self._own, self._workspace, self.target_ = own, workspace, target
        names = table.columns if not hasattr(table, "column_names") else table.column_names
        self.feature_names_in_ = np.array([name for name in names if name != target], dtype=object)
        return self

    def _check_parameters(self) -> None:
        """Raise before any work what the later stages would raise after that of the earlier ones."""
        AnalyzeConfig.of(**self._chosen(["value_protection", "differential_privacy"]))
        device = None if self.device is None else str(self.device)
        TrainConfig.of(**{**self._chosen(_TRAIN), "device": device})
        check_model(self.model, self._model_type)

    def _run_stages(self, table: TableLike, workspace: Workspace) -> None:
        root = str(workspace.root)
        protected = self._chosen(["value_protection", "differential_privacy"])
        # Whoever knows the seed of value protection could undo it by what it drops.
        seed = None if self.value_protection else self.random_state
        with TerminalProgress() if self.verbose else nullcontext() as progress:
            always: dict[str, Any] = {"workspace_dir": root, "update_progress": progress}
            settings = self._chosen(_SPLIT) | {"model_type": self._model_type}
            stages.split(table, **settings, **always, random_state=self.random_state)
            stages.analyze(**protected, **always, random_state=seed)
            stages.encode(**always)
            stages.train(**self._chosen(_TRAIN), **always)

    def _chosen(self, names: list[str]) -> dict[str, Any]:
        known = self.get_params()
        return {name: known[name] for name in names if name in known}

    @classmethod
    def from_workspace(cls, path: str | Path | UPath, **params: Any) -> Self:
        """An estimator with the model of a finished workspace: of the pipeline, of the command line, of the verbs.

        Nothing but the folder ``ModelStore`` is read, and nothing is written. A later `fit` does not touch the
        workspace: it makes one of its own, unless `workspace_dir` is set.

        Args:
            path: Path or fsspec URL of the workspace.
            params: The constructor's arguments that matter to answers: `device`, `random_state`.

        Raises:
            ArtefactError: there is no trained model, or its files are damaged.
        """
        estimator = cls(**params)
        estimator._workspace = Workspace(path)
        estimator.target_ = None
        model = estimator._any_model()
        estimator.feature_names_in_ = np.array(model.statistics.schema.names, dtype=object)
        configs, keys = model.configs, model.statistics.keys
        if configs.model_type is not cls._model_type:
            raise InputError(
                f"{path}: expected a {cls._model_type} model for {cls.__name__}, found a {configs.model_type} model"
            )
        told = {
            "model": configs.model,
            "enable_flexible_generation": configs.enable_flexible_generation,
            "max_sequence_window": configs.max_sequence_window,
            "tgt_primary_key": keys.primary_key,
            "tgt_context_key": keys.context_key,
            "ctx_primary_key": model.context_primary_key,
        }
        return estimator.set_params(**{name: value for name, value in told.items() if name in estimator.get_params()})

    def close(self) -> None:
        """Give up the model. A temporary workspace is removed; one that was given stays. May be called again."""
        if self._own is not None:
            self._own.close()
        self._own = self._workspace = self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __sklearn_is_fitted__(self) -> bool:
        return self._workspace is not None

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_opened": None}
        if self._workspace is not None:  # a model may be handed over, the table that it was trained with may not
            state["ctx_data"] = None
        if self._own is not None:
            state["_workspace"] = None  # the copy has its own
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._own is not None:
            self._workspace = Workspace(self._own.path)

    def _fitted(self) -> Workspace:
        """Where the model lies."""
        if self._workspace is None:
            raise InputError(
                f"{type(self).__name__} has no model: it was not fitted, or was closed; call fit or from_workspace"
            )
        return self._workspace

    def _any_model(self) -> "Fitted":
        """The model, read when it is needed first."""
        from synth_engine.estimators.opening import open_model

        workspace = self._fitted()
        if self._opened is None:
            self._opened = open_model(workspace, None if self.device is None else str(self.device))
        return self._opened
