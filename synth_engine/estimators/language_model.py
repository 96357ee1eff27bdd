"""`LanguageModel`: fit once; then sample records with free text, and ask how likely records are."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from synth_engine.domain import (
    DifferentialPrivacyConfig,
    GenerateConfig,
    ImputationConfig,
    InputError,
    ModelEncodingType,
    ModelType,
    RebalancingConfig,
)
from synth_engine.domain.randomness import fresh_seed
from synth_engine.estimators.drawing import as_frame, draw_rows
from synth_engine.estimators.lifecycle import Lifecycle
from synth_engine.estimators.tables import Features, index_of
from synth_engine.stages.table_input import TableLike

if TYPE_CHECKING:  # it takes seconds to import
    import torch


class LanguageModel(Lifecycle):
    """A model of records as they are written: free text, and what stands beside it.

    The constructor's arguments are those of `split`, `analyze` and `train`; nothing is done with them before `fit`.
    What is drawn is a `pandas.DataFrame` with the dtypes of the frame that was fitted; after an Arrow table it has
    Arrow's own (`pandas.ArrowDtype`). Pickles are as those of `TabularARGN`; one of a fine-tuned model holds its
    adapters, and finds the pretrained model where it was.

    Args:
        tgt_context_key: Column that tells which row of `ctx_data` a record belongs to: one record each at most.
        tgt_primary_key: Column with a unique key per row; it is not modelled but made anew.
        ctx_data: Table that the prompts are made from; needs `tgt_context_key` and `ctx_primary_key`.
        ctx_primary_key: Column with a unique key per row of `ctx_data`.
        tgt_encoding_types: Encoding type by column, all of them ``LANGUAGE_...``; columns that are not named have
            ``AUTO``: texts with few values are categories, others free text.
        ctx_encoding_types: The same for `ctx_data`.
        n_partitions: Number of files that the rows are spread over.
        trn_val_split: Share of rows for training; the others tell when to stop.
        value_protection: Leave out rare categories, extremes, and words that few have from the vocabulary.
        differential_privacy: Of the statistics and of training, see `analyze` and `train`.
        model: ``MOSTLY_AI/LSTMFromScratch-3m`` (the default), a small recurrent network that starts from nothing, or
            any causal language model of transformers by its name on the Hugging Face hub, or its folder.
        max_training_time: Limit in minutes; None is 10 days.
        max_epochs: Limit in passes over the data; None is 100.
        batch_size: Records per micro-batch in training; None chooses by the number of records.
        gradient_accumulation_steps: Micro-batches per optimiser step; None is 1.
        enable_flexible_generation: Learn every column order, so that any columns can be given.
        device: ``cpu`` or ``cuda``, for training and for answers; None takes a GPU where there is one.
        four_bit: Keep the weights of a pretrained model with 4 bits each; wants a GPU and `bitsandbytes`.
        workspace_dir: Path or fsspec URL; None is a temporary folder, which `close` removes.
        random_state: Seed of training, and of all methods that draw and are given none. None takes new ones.
        verbose: 0 is silent, anything else shows progress on standard error.

    Attributes:
        feature_names_in_: Columns of `X` in `fit`.

    >>> titles = pd.DataFrame({"title": ["Sunny flat", "Quiet room", "Sunny room", "Quiet flat"] * 25})
    >>> with LanguageModel(max_epochs=1, random_state=0) as model:
    ...     len(model.fit(titles).sample(3))
    3
    """

    _model_type: ClassVar[ModelType] = ModelType.LANGUAGE

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
        device: "torch.device | str | None" = None,
        four_bit: bool = False,
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
        self.device = device
        self.four_bit = four_bit
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
        rebalancing: RebalancingConfig | dict[str, Any] | None = None,
        imputation: ImputationConfig | dict[str, Any] | None = None,
        random_state: int | None = None,
    ) -> pd.DataFrame:
        """Draw records, all in memory. For more than fit there use `generate`, which writes them in parts.

        Args:
            n_samples: Number of records; None is that of the fitted table or, with other tables, of their rows.
            ctx_data: What prompts are made from, for a model with a context table: one record for each row.
            seed_data: Rows with some of the columns, which come back unchanged; the others are written to fit them.
            batch_size: Records drawn at a time; bounds the memory.
            sampling_temperature: See `generate`, as for all that follow.
            sampling_top_p: Draw only from the most likely tokens that together reach this probability.
            rebalancing: Target shares of the values of one column.
            imputation: Columns in which no null is to be drawn.
            random_state: Seed; None is that of the estimator or, where that is None too, a new one.

        Raises:
            InputError: an argument that cannot be used, named in the message.
        """
        seed = self.random_state if random_state is None else random_state
        config = GenerateConfig.of(
            sample_size=n_samples,
            batch_size=batch_size,
            sampling_temperature=sampling_temperature,
            sampling_top_p=sampling_top_p,
            device=None if self.device is None else str(self.device),
            rebalancing=rebalancing,
            imputation=imputation,
            random_state=fresh_seed() if seed is None else seed,
        )
        return as_frame(draw_rows(self._fitted(), config, seed_data, ctx_data))

    def log_prob(self, X: Features, *, ctx_data: TableLike | None = None) -> "pd.Series[float]":
        """Logarithm of the probability of each record as it is written, in nats: of all its values, in their order.

        Of the ways to write a text as tokens only the usual one is counted, so it may be a little more likely.
        Rare categories and values beyond the protected ranges are judged as what they are replaced by.

        Args:
            X: Records, with all columns of the fitted table but a primary key.
            ctx_data: What the prompts are made from, where the model has a context table.

        Returns:
            One for each row, with the index of `X`.

        Raises:
            InputError: a column that is missing or cannot be used.
        """
        from synth_engine.estimators.fitted_records import FittedRecords

        model = self._any_model()
        if not isinstance(model, FittedRecords):
            raise InputError("log_prob: expected a language model, found another one")
        found = model.log_likelihood(X, ctx_data)
        found.index = index_of(X)
        return found
