"""A language model as it lies in ``ModelStore/model-data``: its columns, its vocabulary, its network.

Belongs here: how these are made from statistics and files. Does not belong here: how they work
(`synth_engine.language`), how they are trained (`learning`) or drawn from (`generating`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

import pyarrow as pa
import safetensors.torch
import torch

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.language import LanguageEncoding
from synth_engine.language.network import LanguageNetwork
from synth_engine.language.pretrained import AdapterSizes, PretrainedNetwork
from synth_engine.language.pretrained_source import pretrained_model
from synth_engine.language.pretrained_vocabulary import PretrainedVocabulary
from synth_engine.language.records import Records
from synth_engine.language.recurrent import RecurrentNetwork, RecurrentSizes
from synth_engine.language.segments import Segments
from synth_engine.language.vocabulary import TOKENIZER_FILE, VOCABULARY_FILE, OwnVocabulary, Vocabulary
from synth_engine.stages.language_data import CONTEXT, TARGET
from synth_engine.stages.model_files import CONFIGS_FILE, Described, ModelConfigs
from synth_engine.stages.statistics import TableStatistics
from synth_engine.workspace import ArtefactReader

WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A network, and the vocabulary that it reads and writes by."""

    network: LanguageNetwork
    vocabulary: Vocabulary

    def files(self) -> dict[str, bytes]:
        """What to store: weights without code, and the vocabulary. Inverse: `load_language_model`."""
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        return {WEIGHTS_FILE: safetensors.torch.save(weights), **self.vocabulary.files()}


def load_language_model(model: ArtefactReader, device: torch.device) -> LanguageModel:
    """The trained model, ready for sampling.

    Raises:
        InputError: the pretrained model that its adapters belong to is no longer there.
    """
    configs = ModelConfigs.model_validate(model.json(CONFIGS_FILE))
    files = vocabulary_files(model)
    vocabulary: Vocabulary
    network: LanguageNetwork
    with torch.random.fork_rng(devices=[]):  # the random start is overwritten at once
        if isinstance(configs.sizes, RecurrentSizes):
            vocabulary = OwnVocabulary.load(files)
            network = RecurrentNetwork(vocabulary.size, configs.sizes)
        else:
            assert isinstance(configs.sizes, AdapterSizes)
            vocabulary = PretrainedVocabulary.load(files)
            network = PretrainedNetwork(
                pretrained_model(configs.model, device, four_bit=configs.sizes.four_bit), configs.sizes
            )
    network.load_state_dict(model.parsed(WEIGHTS_FILE, safetensors.torch.load))
    return LanguageModel(network.to(device).eval(), vocabulary)


def vocabulary_files(model: ArtefactReader) -> dict[str, bytes]:
    """The files that a vocabulary is loaded from."""
    return {name: model.parsed(name, _json) for name in (TOKENIZER_FILE, VOCABULARY_FILE)}


def _json(data: bytes) -> bytes:
    json.loads(data)
    return data


@dataclass(frozen=True, eq=False)
class WrittenColumns:
    """The columns of a language table in the order in which they are written, with their encodings.

    Free text is last: it is long, and goes by the other columns more than they go by it.

    Args:
        context: Of the prompt.
        target: Of the record.
    """

    context: Mapping[str, LanguageEncoding]
    target: Mapping[str, LanguageEncoding]

    @classmethod
    def of(cls, described: Described) -> "WrittenColumns":
        """Of a table, and of its context where there is one."""
        context = {} if described.context is None else in_order(described.context)
        return cls(context, in_order(described.target))

    def by_key(self) -> dict[str, LanguageEncoding]:
        """Both, under the names that they have in the encoded data."""
        return {f"{CONTEXT}{name}": each for name, each in self.context.items()} | {
            f"{TARGET}{name}": each for name, each in self.target.items()
        }

    def vocabulary(self) -> OwnVocabulary:
        """A vocabulary of their own: it follows from the encodings alone, which are protected."""
        whole = {key: encoding.whole() for key, encoding in self.by_key().items()}
        words = _interleaved([encoding.words() for encoding in self.by_key().values()])
        return OwnVocabulary.build(whole, words, context=[*self.context], target=[*self.target])

    def records(self, tables: Sequence[pa.Table], vocabulary: Vocabulary) -> Records:
        """Records as `encode` writes them, as tokens; one table after the other."""

        def segments(prefix: str, name: str) -> Segments:
            key = prefix + name
            literals = pa.chunked_array([chunk for table in tables for chunk in table[key].chunks], pa.large_string())
            return vocabulary.encode(literals.combine_chunks(), key)

        return Records(
            tuple(segments(CONTEXT, name) for name in self.context),
            tuple(segments(TARGET, name) for name in self.target),
            vocabulary.wording([*self.context], [*self.target]),
        )


def in_order(statistics: TableStatistics) -> dict[str, LanguageEncoding]:
    """Columns of one table in the order in which they are written."""
    columns = statistics.language.items()
    return dict(sorted(columns, key=lambda item: item[1].type is ModelEncodingType.LANGUAGE_TEXT))


def _interleaved(lists: Sequence[Sequence[str]]) -> list[str]:
    """Words of several columns, each once: first the most common of each."""
    words = chain.from_iterable(zip_longest(*lists))
    return list(dict.fromkeys(word for word in words if word is not None))
