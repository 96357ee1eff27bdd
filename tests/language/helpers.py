"""Small vocabularies, records and networks."""

import json
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

pytest.importorskip("tokenizers")

from synth_engine.language.records import Records
from synth_engine.language.recurrent import RecurrentNetwork, RecurrentSizes
from synth_engine.language.vocabulary import OwnVocabulary, Vocabulary
from tests.tabular.helpers import seeded

WORDS = ["room", "flat", "garden", "London", "double", "bright", "quiet", "Überblick", "naïve"]
KINDS = ['"Private room"', '"Entire home/apt"', "null"]
CONTEXT = {"host": ['"Ann"', '"Bob"', '"Ann"', '"Åse & Ole"', '"Bob"', "null"]}
TARGET = {
    "title": ['"bright room, quiet"', '"Flat 12"', '""', '"a \\"garden\\" 東京"', "null", '"room room room room"'],
    "kind": [KINDS[0], KINDS[1], KINDS[0], KINDS[2], KINDS[1], KINDS[0]],
    "price": ["120", "-3.50", "7", "99", "0", "null"],
}
N = 6
TINY = RecurrentSizes(embedding=8, units=12, n_layers=2, dropout=0.0)


def make_vocabulary(*, context: Sequence[str] = tuple(CONTEXT), target: Sequence[str] = tuple(TARGET)) -> OwnVocabulary:
    return OwnVocabulary.build({"kind": KINDS, "host": ["null"]}, WORDS, context=context, target=target, n_pieces=300)


def make_records(vocabulary: Vocabulary, *, context=CONTEXT, target=TARGET) -> Records:
    parts = (tuple(vocabulary.encode(texts, name) for name, texts in part.items()) for part in (context, target))
    return Records(*parts, vocabulary.wording(list(context), list(target)))


def make_network(size: int, seed: int = 0, sizes: RecurrentSizes = TINY, scale: float = 0.4) -> RecurrentNetwork:
    """All parameters normal, so that everything depends on everything."""
    network = RecurrentNetwork(size, sizes)
    for i, parameter in enumerate(network.parameters()):
        parameter.data.normal_(std=scale, generator=seeded(1000 * seed + i))
    return network


def natural(n: int, n_columns: int = len(TARGET)) -> Tensor:
    return torch.arange(n_columns).expand(n, -1)


def as_json(texts: Sequence[str]) -> list:
    return [json.loads(text) for text in texts]
