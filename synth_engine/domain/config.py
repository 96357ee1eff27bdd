"""Configurations: one frozen model per verb, and the records that their parameters are made of.

They validate on construction, are written into manifests, and serve as configuration of the pipeline's ops.
``None`` means "decide for me"; zero means zero. Data frames and callbacks are arguments of the verbs, not settings.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from synth_engine.domain.base import Category, Config
from synth_engine.domain.constraints import Constraint
from synth_engine.domain.enums import (
    ModelEncodingType,
    ModelStateStrategy,
    ModelType,
    RareCategoryReplacementMethod,
)


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Strategy = Annotated[ModelStateStrategy, BeforeValidator(_upper)]
Replacement = Annotated[RareCategoryReplacementMethod, BeforeValidator(_upper)]
Type = Annotated[ModelType, BeforeValidator(_upper)]
EncodingType = Annotated[ModelEncodingType, BeforeValidator(_upper)]
Accountant = Annotated[Literal["RDP", "PRV"], BeforeValidator(_upper)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


DEFAULT_NOISE_MULTIPLIER = 1.5


class DifferentialPrivacyConfig(Config):
    """Differential privacy of training, and of the value ranges found before it."""

    max_epsilon: Annotated[float, Field(ge=0)] | None = None
    """Privacy loss that training must not exceed: it stops before. Left out, there is no limit."""
    delta: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    """Probability that the loss is larger; half of it is for values, half for training."""
    noise_multiplier: Annotated[float, Field(ge=0)] = DEFAULT_NOISE_MULTIPLIER
    """Standard deviation of the noise, in terms of `max_grad_norm`: more noise, less loss."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Norm that the gradient of a row is clipped to: how much a row may count."""
    value_protection_epsilon: Annotated[float, Field(gt=0)] | None = None
    """Privacy loss of value ranges and categories, for all columns together. Left out, these are
    not differentially private."""
    target_epsilon: Annotated[float, Field(gt=0)] | None = None
    """Privacy loss that training is to come to, in place of `noise_multiplier`: the noise is chosen so that the
    planned number of epochs costs as much."""
    accountant: Accountant = "RDP"
    """How the loss is computed: ``RDP``, or ``PRV``, whose bound is mostly smaller."""
    dataset_epsilon: Annotated[float, Field(ge=0)] | None = None
    """What all analyses and trainings of the dataset may add up to, as its ledger counts them."""
    dataset_delta: Annotated[float, Field(ge=0, lt=1)] | None = None
    """The same for delta; only with `dataset_epsilon`."""

    @model_validator(mode="after")
    def _one_way_to_choose_the_noise(self) -> Self:
        if self.target_epsilon is not None and self.noise_multiplier != DEFAULT_NOISE_MULTIPLIER:
            raise ValueError("target_epsilon chooses the noise_multiplier; give one of them only")
        return self

    @model_validator(mode="after")
    def _target_within_the_limits(self) -> Self:
        for name in ("max_epsilon", "dataset_epsilon"):
            limit = getattr(self, name)
            if self.target_epsilon is not None and limit is not None and self.target_epsilon > limit:
                raise ValueError(f"target_epsilon ({self.target_epsilon:g}) must not exceed {name} ({limit:g})")
        return self

    @model_validator(mode="after")
    def _delta_of_the_dataset_with_its_epsilon(self) -> Self:
        if self.dataset_delta is not None and self.dataset_epsilon is None:
            raise ValueError("dataset_delta needs dataset_epsilon; give both, or neither")
        return self


class RebalancingConfig(Config):
    """Target distribution of the values of one categorical column."""

    column: str
    """A categorical column."""
    probabilities: dict[Category, Annotated[float, Field(ge=0, le=1)]]
    """Share of the rows that each of some categories is to have; the others keep their proportions."""

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if sum(self.probabilities.values()) > 1 + 1e-9:
            raise ValueError("the probabilities must not add up to more than 1")
        return self


class ImputationConfig(Config):
    """Columns in which no null is to be drawn."""

    columns: list[str]
    """Columns in which no value is to be missing."""


class FairnessConfig(Config):
    """Statistical parity of a categorical target across the groups of sensitive categorical columns."""

    target_column: str
    """A categorical column that is to be distributed alike in all groups."""
    sensitive_columns: list[str]
    """Categorical columns that make up the groups."""


class SplitConfig(Config):
    """Parameters of `split`."""

    tgt_primary_key: str | None = None
    """Column of the table that identifies a row."""
    ctx_primary_key: str | None = None
    """Column of the context table that identifies a row."""
    tgt_context_key: str | None = None
    """Column of the table that says whom a row belongs to."""
    model_type: Type | None = None
    """``TABULAR`` or ``LANGUAGE``. Left out, the encoding types of the columns tell."""
    tgt_encoding_types: dict[str, EncodingType] | None = None
    """Encoding type by column of the table."""
    ctx_encoding_types: dict[str, EncodingType] | None = None
    """Encoding type by column of the context table."""
    n_partitions: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Number of files that the rows are spread over, for tables too large for the memory."""
    trn_val_split: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Share of the rows to learn from; the others tell when to stop."""
    random_state: Seed | None = None
    """Seed of the shuffle."""


class AnalyzeConfig(Config):
    """Parameters of `analyze`."""

    value_protection: bool = True
    """Whether rare values and extremes are left out, which could point to a person."""
    differential_privacy: DifferentialPrivacyConfig | None = None
    """With ``value_protection_epsilon`` in it, statistics are differentially private."""
    random_state: Seed | None = None
    """Seed of the randomness of value protection, for tests only: whoever knows it can undo that randomness."""

    @field_validator("differential_privacy")
    @classmethod
    def _one_way_of_protection(
        cls, value: DifferentialPrivacyConfig | None, info: ValidationInfo
    ) -> DifferentialPrivacyConfig | None:
        is_private = value is not None and value.value_protection_epsilon is not None
        if is_private and info.data.get("value_protection") is False:
            raise ValueError(
                "value_protection_epsilon needs value protection, which is off; switch it on or leave it out"
            )
        return value


class TrainConfig(Config):
    """Parameters of `train`. ``max_training_time`` is in minutes."""

    model: str | None = None
    """``MOSTLY_AI/Small``, ``/Medium`` or ``/Large``; for a language model ``MOSTLY_AI/LSTMFromScratch-3m`` or the name
    or folder of a Hugging Face model. Left out, it is ``/Medium``, or the LSTM."""
    max_training_time: Annotated[float, Field(ge=0)] | None = 14400.0
    """Minutes that training may take at most."""
    max_epochs: Annotated[float, Field(ge=0)] | None = 100.0
    """Passes over the data at most; training ends earlier when it no longer learns."""
    batch_size: Annotated[int, Field(ge=1)] | None = None
    """Rows per training step. Left out, it depends on the size of the table."""
    gradient_accumulation_steps: Annotated[int, Field(ge=1)] | None = None
    """Batches whose gradients make one step. Left out, one."""
    enable_flexible_generation: bool = True
    """Whether all orders of the columns are learned, not only one: needed for conditions on
    columns, such as rebalancing and imputation."""
    max_sequence_window: Annotated[int, Field(ge=1)] | None = None
    """Rows of a subject that are learned at a time, from anywhere in a longer sequence. Left out, 100."""
    differential_privacy: DifferentialPrivacyConfig | None = None
    """Train with differential privacy. Left out, training has none."""
    model_state_strategy: Strategy = ModelStateStrategy.reset
    """What of a model that is there is taken up: nothing (``RESET``), its weights (``REUSE``), or all, to go
    on with a training that was interrupted (``RESUME``)."""
    device: str | None = None
    """``cpu`` or ``cuda``. Left out, a GPU if there is one."""
    four_bit: bool = False
    """Whether the weights of a Hugging Face model are kept with 4 bits each; wants a GPU and bitsandbytes."""
    random_state: Seed | None = None
    """Seed of training."""


class GenerateConfig(Config):
    """Parameters of `generate`."""

    sample_size: Annotated[int, Field(ge=0)] | None = None
    """How many rows are made; of sequences, how many subjects. Left out, as many as the original has."""
    batch_size: Annotated[int, Field(ge=1)] | None = None
    """Rows drawn at a time, which bounds the memory. Left out, it is chosen."""
    sampling_temperature: Annotated[float, Field(ge=0)] = 1.0
    """Below 1 likely values become likelier, at 0 there are no others."""
    sampling_top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Draw only from the likeliest values that together have this probability."""
    device: str | None = None
    """``cpu`` or ``cuda``. Left out, a GPU if there is one."""
    rare_category_replacement_method: Replacement = RareCategoryReplacementMethod.constant
    """Rare categories become ``_RARE_`` (``CONSTANT``) or other ones (``SAMPLE``)."""
    rebalancing: RebalancingConfig | None = None
    """Shares that the categories of a column are to have."""
    imputation: ImputationConfig | None = None
    """Columns in which no value is to be missing."""
    fairness: FairnessConfig | None = None
    """A column that is to be distributed alike, whatever some sensitive columns are."""
    constraints: list[Constraint] | None = None
    """What every row is to fulfil."""
    random_state: Seed | None = None
    """Seed of the rows."""
