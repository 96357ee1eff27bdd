"""Records that are written out, token by token, as something to learn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from synth_engine.domain import InputError, TrainConfig
from synth_engine.language.network import LanguageNetwork
from synth_engine.language.pretrained import DEFAULT_RANK, AdapterSizes, PretrainedNetwork
from synth_engine.language.pretrained_source import pretrained_model, pretrained_vocabulary
from synth_engine.language.private_task import PrivateLanguageTask
from synth_engine.language.recipe import (
    ADAPTER_AVERAGE_DECAY,
    ADAPTER_BATCH,
    AVERAGE_DECAY,
    adapter_schedule,
    batch_size_for,
    private_schedule_for,
    private_sizes,
    schedule_for,
)
from synth_engine.language.records import Records
from synth_engine.language.recurrent import RecurrentNetwork, RecurrentSizes
from synth_engine.language.task import LanguageTask
from synth_engine.language.transfer import transfer_tokens
from synth_engine.language.vocabulary import OwnVocabulary, Vocabulary
from synth_engine.stages.language_model import LanguageModel, WrittenColumns, vocabulary_files
from synth_engine.stages.learning.kinds import Counts, Reusable, Task
from synth_engine.stages.model_files import Described, NetworkSizes
from synth_engine.stages.models import FROM_SCRATCH
from synth_engine.tabular.transferred import RESET_HINT, PartTransfer, Transfer
from synth_engine.training import Schedule
from synth_engine.training.gradients import EagerGradients, Gradients
from synth_engine.training.private_stepper import TappedLosses
from synth_engine.workspace import ArtefactReader
from synth_engine.workspace.artefacts import TRAINING, VALIDATION

# A record has some dozens of tokens, each with the activations of a wide network.
ROWS_PER_RECORD = 8
_PART = "text"


@dataclass(frozen=True, eq=False)
class WrittenKind:
    """See `kinds.Kind`.

    Args:
        described: Statistics of the target, and of the context table.
        vocabulary: What records are written with.
        records: By role.
        base: The pretrained model that adapters are trained of; None for a network that starts from nothing.
        four_bit: Whether its weights are kept with 4 bits each.
    """

    described: Described
    vocabulary: Vocabulary
    records: Mapping[str, Records]
    base: Any = None
    four_bit: bool = False

    default_model, releases_counts = FROM_SCRATCH, False

    @classmethod
    def read(
        cls, described: Described, encoded: ArtefactReader, device: torch.device, config: TrainConfig
    ) -> "WrittenKind":
        """Read all partitions, and the pretrained model if there is one; raises `InputError` if it cannot be had."""
        columns, base, model = WrittenColumns.of(described), None, config.model or FROM_SCRATCH
        vocabulary: Vocabulary
        if model == FROM_SCRATCH:
            if config.four_bit:
                raise InputError(f"four_bit: is for pretrained language models; name one as model in place of {model}")
            vocabulary = columns.vocabulary()
        else:
            base = pretrained_model(model, device, four_bit=config.four_bit)
            vocabulary = pretrained_vocabulary(model, base)
        tables = {role: [encoded.table(name) for name in encoded.parts(role)] for role in (TRAINING, VALIDATION)}
        records = {role: columns.records(each, vocabulary).to(device) for role, each in tables.items()}
        return cls(described, vocabulary, records, base, config.four_bit)

    @property
    def device(self) -> torch.device:
        """Where the tokens lie."""
        return self.records[TRAINING].device

    @property
    def n_parts(self) -> int:
        """Number of training records."""
        return len(self.records[TRAINING])

    n_records = n_parts

    def batch_size(self) -> int:
        """By the number of records; adapters see fewer at a time."""
        return batch_size_for(self.n_parts) if self.base is None else ADAPTER_BATCH

    def schedule(self, parts_per_step: int) -> Schedule:
        """By the number of records; that of adapters is the same for all tables."""
        return schedule_for(self.n_parts, parts_per_step) if self.base is None else adapter_schedule()

    @property
    def average_decay(self) -> float:
        """Adapters take fewer steps."""
        return AVERAGE_DECAY if self.base is None else ADAPTER_AVERAGE_DECAY

    def private_schedule(self, steps: int, records_per_step: int) -> Schedule:
        """By the number of records."""
        return private_schedule_for(steps, records_per_step, is_pretrained=self.base is not None)

    def records_with(self, n_rows: int) -> int:
        """A record takes about as much memory as so many rows of a table."""
        return max(1, n_rows // ROWS_PER_RECORD)

    def sizes(self, model: str | None, *, private: bool) -> NetworkSizes:
        """The same for all tables."""
        if self.base is not None:
            return AdapterSizes(DEFAULT_RANK, four_bit=self.four_bit)
        return private_sizes(RecurrentSizes()) if private else RecurrentSizes()

    def network(self, sizes: NetworkSizes) -> LanguageNetwork:
        """A fresh network, or fresh adapters."""
        if isinstance(sizes, AdapterSizes):
            assert self.base is not None
            return PretrainedNetwork(self.base, sizes)
        assert isinstance(sizes, RecurrentSizes)
        return RecurrentNetwork(self.vocabulary.size, sizes)

    def files(self, network: nn.Module) -> dict[str, bytes]:
        """Its weights, and the vocabulary."""
        assert isinstance(network, LanguageNetwork)
        return LanguageModel(network, self.vocabulary).files()

    def counts(self) -> Counts:
        """Of all tokens that are learned, for a network that starts from nothing."""
        return [[self.records[TRAINING].judged_counts(self.vocabulary.size)]]

    def bounded_counts(self) -> Counts:
        """None: a record has so many tokens that the noise would drown them."""
        return []

    def start(self, network: nn.Module, counts: Counts) -> None:
        """Let the first predictions be these frequencies."""
        if isinstance(network, RecurrentNetwork) and counts:
            network.start_from(counts[0][0])

    def calibrate(self, network: nn.Module, counts: Counts, generator: torch.Generator, *, private: bool) -> None:
        """Nothing: what comes next depends on all that came before."""

    def task(self, network: nn.Module, *, flexible: bool) -> LanguageTask:
        """Plain training."""
        assert isinstance(network, LanguageNetwork)
        return LanguageTask(network, self.records[TRAINING], self.records[VALIDATION], flexible=flexible)

    def gradients(self, network: nn.Module, task: Task) -> Gradients:
        """One operation after the other: batches have as many tokens as their records happen to have."""
        return EagerGradients(network, task)

    def private_losses(self, *, flexible: bool) -> TappedLosses:
        """Training with differential privacy, of records."""
        return PrivateLanguageTask(self.records[TRAINING], flexible=flexible).batch_losses

    def carry_over(self, reused: Reusable, new: nn.Module) -> Transfer:
        """Token by token; adapters as they are."""
        old = reused.network
        if isinstance(new, RecurrentNetwork) and isinstance(old, RecurrentNetwork):
            assert isinstance(self.vocabulary, OwnVocabulary)
            transfer_tokens(old, OwnVocabulary.load(vocabulary_files(reused.files)), new, self.vocabulary)
        elif isinstance(new, PretrainedNetwork) and isinstance(old, PretrainedNetwork):
            new.load_state_dict(old.state_dict())
        else:
            raise InputError(f"model: {reused.model} cannot be reused for a model of another name; {RESET_HINT}")
        return self._transfer(reused.described)

    def _transfer(self, old: Described) -> Transfer:
        before, now = WrittenColumns.of(old).by_key(), WrittenColumns.of(self.described).by_key()
        kept = tuple(PartTransfer(name, _PART, 1, 0, 0, 0) for name in now if name in before)
        return Transfer(
            kept,
            tuple((name, _PART) for name in now if name not in before),
            tuple((name, _PART) for name in before if name not in now),
        )
