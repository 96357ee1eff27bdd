"""The options of each stage as one class, and what they are as arguments of the verb.

Belongs here: which options belong together. Does not belong here: names and help of options (`options`,
`row_options`), what is made of their values (`settings`).
"""

from dataclasses import dataclass, replace
from typing import Self

from synth_engine.cli import options as opt
from synth_engine.cli import row_options as rows
from synth_engine.cli.settings import Settings, encodings, for_analyze, for_generate, for_split, for_train, given
from synth_engine.domain import ModelType

WORKSPACE = "engine-ws"


@dataclass(frozen=True)
class Places:
    """Where results go."""

    workspace: opt.Workspace = WORKSPACE
    output: opt.Output = None


@dataclass(frozen=True)
class Columns:
    """What the columns of the tables are."""

    primary_key: opt.PrimaryKey = None
    encoding: opt.Encodings = None
    context: opt.Context = None
    context_primary_key: opt.ContextPrimaryKey = None
    context_key: opt.ContextKey = None
    context_encoding: opt.ContextEncodings = None


@dataclass(frozen=True)
class Division:
    """How `split` divides the rows."""

    trn_val_split: opt.Share = 0.8
    n_partitions: opt.Partitions = 1

    def settings(self, columns: Columns, seed: int | None, types: dict[str, str] | None = None) -> Settings:
        """Arguments of `split`; `types` are the encoding types, if they are not those of the options."""
        return for_split(
            tgt_primary_key=columns.primary_key,
            ctx_primary_key=columns.context_primary_key,
            tgt_context_key=columns.context_key,
            tgt_encoding_types=encodings(columns.encoding, "--encoding") if types is None else types,
            ctx_encoding_types=encodings(columns.context_encoding, "--context-encoding"),
            n_partitions=self.n_partitions,
            trn_val_split=self.trn_val_split,
            random_state=seed,
        )

    def settings_of_subjects(self, columns: Columns, seed: int | None) -> Settings:
        """Arguments of `split` for the context as a table of its own."""
        return for_split(
            tgt_primary_key=columns.context_primary_key,
            tgt_encoding_types=encodings(columns.context_encoding, "--context-encoding"),
            n_partitions=self.n_partitions,
            trn_val_split=self.trn_val_split,
            random_state=seed,
        )


@dataclass(frozen=True)
class Values:
    """How `analyze` protects values."""

    no_value_protection: opt.Unprotected = False
    value_protection_epsilon: opt.Epsilon = None
    delta: opt.Delta = None
    dataset_epsilon: opt.DatasetEpsilon = None

    @property
    def privacy(self) -> Settings:
        """What was asked of differential privacy."""
        return given(
            value_protection_epsilon=self.value_protection_epsilon,
            delta=self.delta,
            dataset_epsilon=self.dataset_epsilon,
        )

    def settings(self, seed: int | None, privacy_of_training: Settings | None = None) -> Settings:
        """Arguments of `analyze`."""
        return for_analyze(self.no_value_protection, seed, self.privacy | (privacy_of_training or {}))


@dataclass(frozen=True)
class Training:
    """How `train` goes."""

    max_epsilon: opt.MaxEpsilon = None
    target_epsilon: opt.TargetEpsilon = None
    noise_multiplier: opt.NoiseMultiplier = None
    max_grad_norm: opt.MaxGradNorm = None
    accountant: opt.Accountant = None
    delta: opt.Delta = None
    dataset_epsilon: opt.DatasetEpsilon = None
    model: opt.Model = None
    max_epochs: opt.Epochs = 100
    max_training_time: opt.Minutes = 14400
    batch_size: opt.TrainBatch = None
    gradient_accumulation_steps: opt.Accumulation = None
    max_sequence_window: opt.Window = None
    no_flexible_generation: opt.FixedOrder = False
    model_state_strategy: opt.Strategy = "RESET"
    device: opt.Device = None
    four_bit: opt.FourBit = False

    @property
    def privacy(self) -> Settings:
        """What was asked of differential privacy."""
        return given(
            delta=self.delta,
            max_epsilon=self.max_epsilon,
            target_epsilon=self.target_epsilon,
            noise_multiplier=self.noise_multiplier,
            max_grad_norm=self.max_grad_norm,
            accountant=self.accountant,
            dataset_epsilon=self.dataset_epsilon,
        )

    def settings(
        self, seed: int | None, privacy_of_values: Settings | None = None, model_type: ModelType | None = None
    ) -> Settings:
        """Arguments of `train`; without a `model_type` it is `train` that checks the model."""
        return for_train(
            model=self.model,
            model_type=model_type,
            max_training_time=self.max_training_time,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            gradient_accumulation_steps=self.gradient_accumulation_steps,
            max_sequence_window=self.max_sequence_window,
            no_flexible_generation=self.no_flexible_generation,
            privacy=self.privacy | (privacy_of_values or {}),
            model_state_strategy=self.model_state_strategy,
            device=self.device,
            four_bit=self.four_bit,
            random_state=seed,
        )

    def of_subjects(self) -> Self:
        """The same for subjects, each of which is one row."""
        return replace(self, max_sequence_window=None)

    def of_texts(self, model: str | None) -> Self:
        """The same for a language model."""
        return replace(self, model=model, max_sequence_window=None)

    def of_columns(self) -> Self:
        """The same for the tabular model of the columns beside texts."""
        return replace(self, four_bit=False)


@dataclass(frozen=True)
class Rows:
    """What the synthetic rows are to be like."""

    sample_size: rows.SampleSize = None
    temperature: rows.Temperature = 1
    top_p: rows.TopP = 1
    rare: rows.RareMethod = "CONSTANT"
    rebalance: rows.Rebalance = None
    impute: rows.Impute = None
    fair: rows.Fair = None
    sensitive: rows.Sensitive = None
    device: opt.Device = None

    def settings(self, seed: int | None, batch_size: int | None = None) -> Settings:
        """Arguments of `generate`."""
        return for_generate(
            sample_size=self.sample_size,
            sampling_temperature=self.temperature,
            sampling_top_p=self.top_p,
            rare_category_replacement_method=self.rare,
            batch_size=batch_size,
            device=self.device,
            random_state=seed,
            rebalance=self.rebalance,
            impute=self.impute,
            fair=self.fair,
            sensitive=self.sensitive,
        )

    def without_wishes(self) -> Self:
        """The same without wishes about columns, which another part fulfils: events, or the columns beside texts."""
        return replace(self, rebalance=None, impute=None, fair=None, sensitive=None)

    def for_given(self) -> Self:
        """The same for rows or subjects that are given, of which there are as many as there are."""
        return replace(self, sample_size=None)


@dataclass(frozen=True)
class Given:
    """What rows are drawn for, and how many at a time."""

    context: rows.Subjects = None
    seed_data: rows.SeedData = None
    batch_size: rows.DrawBatch = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """All stages together."""

    places: Places
    columns: Columns
    context_output: opt.ContextOutput = None
    text: opt.Texts = None
    text_model: opt.TextModel = None
    values: Values
    training: Training
    division: Division
    rows: Rows
    seed: opt.RunSeed = None

    @property
    def seed_of_analyze(self) -> int | None:
        """A seed would undo the protection by which values it drops, so it does not reach a stage that protects."""
        return self.seed if self.values.no_value_protection else None
