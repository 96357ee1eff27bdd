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
    """Differential privacy of training, and of the value ranges found before it.

    The first five mean what they mean in the interface. New are:

    Args:
        target_epsilon: Privacy loss that training is to come to: the noise is chosen so that the planned number of
            epochs costs as much. In place of a noise multiplier.
        accountant: How the loss is computed: ``RDP``, or ``PRV``, whose bound is mostly smaller.
        dataset_epsilon: What all analyses and trainings in the workspace may add up to, as its ledger counts them.
        dataset_delta: The same for delta; only with `dataset_epsilon`.
    """

    max_epsilon: Annotated[float, Field(ge=0)] | None = None
    delta: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    noise_multiplier: Annotated[float, Field(ge=0)] = DEFAULT_NOISE_MULTIPLIER
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    value_protection_epsilon: Annotated[float, Field(gt=0)] | None = None
    target_epsilon: Annotated[float, Field(gt=0)] | None = None
    accountant: Accountant = "RDP"
    dataset_epsilon: Annotated[float, Field(ge=0)] | None = None
    dataset_delta: Annotated[float, Field(ge=0, lt=1)] | None = None

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
    probabilities: dict[Category, Annotated[float, Field(ge=0, le=1)]]

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if sum(self.probabilities.values()) > 1 + 1e-9:
            raise ValueError("the probabilities must not add up to more than 1")
        return self


class ImputationConfig(Config):
    """Columns in which no null is to be drawn."""

    columns: list[str]


class FairnessConfig(Config):
    """Statistical parity of a categorical target across the groups of sensitive categorical columns."""

    target_column: str
    sensitive_columns: list[str]


class SplitConfig(Config):
    """Parameters of `split`."""

    tgt_primary_key: str | None = None
    ctx_primary_key: str | None = None
    tgt_context_key: str | None = None
    model_type: Type | None = None
    tgt_encoding_types: dict[str, EncodingType] | None = None
    ctx_encoding_types: dict[str, EncodingType] | None = None
    n_partitions: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    trn_val_split: Annotated[float, Field(gt=0, lt=1)] = 0.8
    random_state: Seed | None = None


class AnalyzeConfig(Config):
    """Parameters of `analyze`."""

    value_protection: bool = True
    differential_privacy: DifferentialPrivacyConfig | None = None
    random_state: Seed | None = None

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
    max_training_time: Annotated[float, Field(ge=0)] | None = 14400.0
    max_epochs: Annotated[float, Field(ge=0)] | None = 100.0
    batch_size: Annotated[int, Field(ge=1)] | None = None
    gradient_accumulation_steps: Annotated[int, Field(ge=1)] | None = None
    enable_flexible_generation: bool = True
    max_sequence_window: Annotated[int, Field(ge=1)] | None = None
    differential_privacy: DifferentialPrivacyConfig | None = None
    model_state_strategy: Strategy = ModelStateStrategy.reset
    device: str | None = None
    four_bit: bool = False
    random_state: Seed | None = None


class GenerateConfig(Config):
    """Parameters of `generate`."""

    sample_size: Annotated[int, Field(ge=0)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    sampling_temperature: Annotated[float, Field(ge=0)] = 1.0
    sampling_top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    device: str | None = None
    rare_category_replacement_method: Replacement = RareCategoryReplacementMethod.constant
    rebalancing: RebalancingConfig | None = None
    imputation: ImputationConfig | None = None
    fairness: FairnessConfig | None = None
    constraints: list[Constraint] | None = None
    random_state: Seed | None = None
