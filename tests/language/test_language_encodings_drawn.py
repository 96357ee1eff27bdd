"""What the grammars of real encodings allow is drawn, and read as values of the column."""

import datetime

import numpy as np
import pyarrow as pa

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings.language import language_fitter
from synth_engine.language.grammar import ColumnRules
from synth_engine.language.requests import Requests
from synth_engine.language.sampler import sample
from synth_engine.language.vocabulary import OwnVocabulary
from synth_engine.privacy import ValueProtection
from tests.language.drawing import accepts, compiled
from tests.language.helpers import make_network
from tests.tabular.helpers import seeded

N = 200


def columns(rng) -> dict[str, tuple[Kind, pa.Array]]:
    words = np.array(["bright", "quiet", 'a "garden"', "東京", "flat\n", "C:\\"])
    days = rng.integers(0, 9000, N)
    return {
        "text": (Kind.LANGUAGE_TEXT, pa.array([" ".join(rng.choice(words, 4)) for _ in range(N)])),
        "category": (Kind.LANGUAGE_CATEGORICAL, pa.array([None if i % 9 == 0 else words[i % 6] for i in range(N)])),
        "whole": (Kind.LANGUAGE_NUMERIC, pa.array(rng.integers(-500, 12345, N))),
        "decimal": (Kind.LANGUAGE_NUMERIC, pa.array(np.round(rng.normal(100, 50, N), 2))),
        "date": (
            Kind.LANGUAGE_DATETIME,
            pa.array([datetime.date(2000, 1, 1) + datetime.timedelta(int(d)) for d in days]),
        ),
    }


def test_what_is_drawn_is_read():
    of = columns(np.random.default_rng(1))
    fitted = {}
    for name, (kind, values) in of.items():
        fitter = language_fitter(kind)
        counts = fitter.summarise(values, None)
        fitted[name] = fitter.fit(counts, values.type, ValueProtection(), np.random.default_rng(2))
    whole = {name: encoding.whole() for name, encoding in fitted.items()}
    words = [word for encoding in fitted.values() for word in encoding.words()]
    vocabulary = OwnVocabulary.build(whole, words, target=list(of), n_pieces=300)
    rules = [
        ColumnRules(name, encoding.grammar(nulls=name == "category"), encoding.longest)
        for name, encoding in fitted.items()
    ]
    grammars = compiled(vocabulary, rules)
    orders = np.argsort(np.random.default_rng(3).random((60, len(of))), axis=1)
    wording = vocabulary.wording([], list(of))
    network = make_network(vocabulary.size).eval()
    records = sample(network, vocabulary, wording, grammars, Requests(orders), generator=seeded(4))
    for grammar, literals, encoding in zip(grammars, zip(*records, strict=True), fitted.values(), strict=True):
        assert all(accepts(grammar.followed, f"{literal}, ") for literal in literals)
        values = encoding.read(pa.array(literals, pa.large_string()))
        assert values.type == encoding.dtype
        assert grammar.name == "category" or not values.null_count
        assert len(set(literals)) > 3
