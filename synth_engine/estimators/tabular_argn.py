"""`TabularARGN`: fit once; then sample, predict, fill gaps, and ask how likely rows are."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from synth_engine.domain import (
    DifferentialPrivacyConfig,
    FairnessConfig,
    GenerateConfig,
    ImputationConfig,
    ModelEncodingType,
    RareCategoryReplacementMethod,
    RebalancingConfig,
)
from synth_engine.estimators.answers import Answers
from synth_engine.estimators.drawing import as_frame, draw_rows
from synth_engine.stages.table_input import TableLike

if TYPE_CHECKING:  # it takes seconds to import
    import torch


class TabularARGN(Answers):
    """A model of a table: of how likely any row is, hence of any column given any others.

    The constructor's arguments are those of `split`, `analyze` and `train`; nothing is done with them before `fit`.

    What answers about rows have the index of these rows, whatever type they come in as. What is drawn is a
    `pandas.DataFrame` with the dtypes of the frame that was fitted; after an Arrow table it has Arrow's own
    (`pandas.ArrowDtype`), which loses nothing.

    A pickle of a fitted estimator works in other processes and on other machines. Where the workspace was given, it
    holds the path to it; where it is a temporary one, it holds the model: the files of ``ModelStore``, which may be
    handed over, but for the snapshot to resume from.

    Args:
        tgt_context_key: Column that tells whom a row belongs to. The model is then one of subjects with their events,
            which `sample` draws and `log_prob` judges as a whole; the other questions are about single rows.
        tgt_primary_key: Column with a unique key per row; it is not modelled but made anew.
        ctx_data: Table of the subjects whose events are fitted; needs `tgt_context_key` and `ctx_primary_key`. It is no
            part of a pickle or a copy of a fitted estimator.
        ctx_primary_key: Column with a unique key per row of `ctx_data`.
        tgt_encoding_types: Encoding type by column; columns that are not named have ``AUTO``.
        ctx_encoding_types: The same for `ctx_data`.
        n_partitions: Number of files that the rows are spread over.
        trn_val_split: Share of rows for training; the others tell when to stop.
        value_protection: Leave out rare values and extremes. Values that are left out count as rare afterwards.
        differential_privacy: Of the statistics and of training, see `analyze` and `train`.
        model: ``MOSTLY_AI/Small``, ``MOSTLY_AI/Medium`` (the default) or ``MOSTLY_AI/Large``.
        max_training_time: Limit in minutes; None is 10 days.
        max_epochs: Limit in passes over the data; None is 100.
        batch_size: Rows per micro-batch in training; None chooses by the number of rows.
        gradient_accumulation_steps: Micro-batches per optimiser step; None is 1.
        enable_flexible_generation: Learn every column order. Without it a column can be asked for given exactly the
            columns before it.
        max_sequence_window: How many events of a subject are learned from at once; None is 100.
        device: ``cpu`` or ``cuda``, for training and for answers; None takes a GPU where there is one.
        workspace_dir: Path or fsspec URL; None is a temporary folder, which `close` removes, at the latest the end of
            the process. What is derived from single rows is removed from it as soon as the model is trained.
        random_state: Seed of training, and of all methods that draw and are given none. None takes new ones. It does
            not reach value protection, whose randomness nobody is to know: so with protection two fits may differ in
            where they cut.
        verbose: 0 is silent, anything else shows progress on standard error.

    Attributes:
        feature_names_in_: Columns of `X` in `fit`.
        target_: Name of `y` in `fit`, which `predict` and `predict_proba` take if they are given no target; None
            where there was no `y`.

    Guarantees: a temporary workspace is removed, a workspace that was given never is; `sample`, `predict` and `impute`
    with the same model, arguments and seed give the same.

    >>> from synth_engine.demo import make_shop
    >>> customers = make_shop(200, seed=0).customers[["country", "income"]]
    >>> with TabularARGN(max_epochs=1, random_state=0) as model:
    ...     len(model.fit(customers).log_prob(customers))
    200
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        tgt_context_key: str | None = None,
        tgt_primary_key: str | None = None,
        ctx_data: TableLike | None = None,
        ctx_primary_key: str | None = None,
        tgt_encoding_types: dict[str, str | ModelEncodingType] | None = None,
        ctx_encoding_types: dict[str, str | ModelEncodingType] | None = None,
        n_partitions: int = 1,
        trn_val_split: float = 0.8,
        value_protection: bool = True,
        differential_privacy: DifferentialPrivacyConfig | dict[str, Any] | None = None,
        model: str | None = None,
        max_training_time: float | None = 14400.0,
        max_epochs: float | None = 100.0,
        batch_size: int | None = None,
        gradient_accumulation_steps: int | None = None,
        enable_flexible_generation: bool = True,
        max_sequence_window: int | None = None,
        device: "torch.device | str | None" = None,
        workspace_dir: str | Path | None = None,
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.tgt_context_key = tgt_context_key
        self.tgt_primary_key = tgt_primary_key
        self.ctx_data = ctx_data
        self.ctx_primary_key = ctx_primary_key
        self.tgt_encoding_types = tgt_encoding_types
        self.ctx_encoding_types = ctx_encoding_types
        self.n_partitions = n_partitions
        self.trn_val_split = trn_val_split
        self.value_protection = value_protection
        self.differential_privacy = differential_privacy
        self.model = model
        self.max_training_time = max_training_time
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.enable_flexible_generation = enable_flexible_generation
        self.max_sequence_window = max_sequence_window
        self.device = device
        self.workspace_dir = workspace_dir
        self.random_state = random_state
        self.verbose = verbose

    def sample(  # noqa: PLR0913
        self,
        n_samples: int | None = None,
        *,
        ctx_data: TableLike | None = None,
        seed_data: TableLike | None = None,
        batch_size: int | None = None,
        sampling_temperature: float = 1.0,
        sampling_top_p: float = 1.0,
        rare_category_replacement_method: RareCategoryReplacementMethod | str = RareCategoryReplacementMethod.constant,
        rebalancing: RebalancingConfig | dict[str, Any] | None = None,
        imputation: ImputationConfig | dict[str, Any] | None = None,
        fairness: FairnessConfig | dict[str, Any] | None = None,
        random_state: int | None = None,
    ) -> pd.DataFrame:
        """Draw rows, all in memory. For more than fit there use `generate`, which writes them in parts.

        Args:
            n_samples: Number of rows; None is that of the fitted table or, with `seed_data`, of its rows. With a
                `tgt_context_key` the number of subjects.
            ctx_data: The subjects whose events are drawn, for a model with a context table, which needs them: give
                synthetic ones, or the original table if events of real people are what you want.
            seed_data: Rows with some of the columns, which come back unchanged; the others are drawn given these. With
                a `tgt_context_key` they are the first events of their subjects, and others follow.
            batch_size: Rows drawn at a time; bounds the memory.
            sampling_temperature: See `generate`, as for all that follow.
            sampling_top_p: Draw only from the most likely values that together reach this probability.
            rare_category_replacement_method: ``CONSTANT`` shows rare categories as ``_RARE_``, ``SAMPLE`` others.
            rebalancing: Target shares of the values of one column.
            imputation: Columns in which no null is to be drawn.
            fairness: A target column that is to be independent of sensitive ones.
            random_state: Seed; None is that of the estimator or, where that is None too, a new one.

        Raises:
            InputError: an argument that cannot be used, named in the message.
        """
        config = GenerateConfig.of(
            sample_size=n_samples,
            batch_size=batch_size,
            sampling_temperature=sampling_temperature,
            sampling_top_p=sampling_top_p,
            device=None if self.device is None else str(self.device),
            rare_category_replacement_method=rare_category_replacement_method,
            rebalancing=rebalancing,
            imputation=imputation,
            fairness=fairness,
            random_state=self._seed(random_state),
        )
        return as_frame(draw_rows(self._fitted(), config, seed_data, ctx_data))
