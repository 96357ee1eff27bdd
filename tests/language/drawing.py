"""What tests of drawing share: grammars, a network of which everything is known, and a sampler that takes its time."""

import json

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from synth_engine.language.draws import draw, uniforms
from synth_engine.language.grammar import ColumnRules, compile_grammars
from synth_engine.language.network import LanguageNetwork
from synth_engine.language.requests import Requests
from tests.language.helpers import CONTEXT, KINDS, TARGET

TEXT = r"""value ::= "\"" character* "\"" | "null"
character ::= [^"\\\x00-\x1f] | "\\" ["\\bfnrt] | "\\u000" [0-7bef] | "\\u001" [0-9a-f]
"""
KIND = f"value ::= {' | '.join(json.dumps(kind) for kind in KINDS)}\n"
PRICE = 'value ::= "-"? ("0" | [1-9] [0-9]{0,4}) ("." [0-9]{2})? | "null"\n'
RULES = [ColumnRules("title", TEXT, 20), ColumnRules("kind", KIND, 17), ColumnRules("price", PRICE, 9)]


def strings(texts) -> pa.Array:
    return pa.array(texts, pa.large_string())


def make_requests(n: int, seed: int = 0) -> Requests:
    """In random orders; hosts are the context, kinds are given in every second record and prices in every third."""
    rng = np.random.default_rng(seed)
    orders = np.argsort(rng.random((n, len(TARGET))), axis=1)
    given = {
        "kind": strings([KINDS[i % 3] if i % 2 else None for i in range(n)]),
        "price": strings(["12.50" if i % 3 == 0 else None for i in range(n)]),
    }
    return Requests(orders, {"host": strings([CONTEXT["host"][i % 6] for i in range(n)])}, given)


def compiled(vocabulary, rules=RULES):
    return compile_grammars(rules, vocabulary.for_grammars())


def accepts(grammar, text: str | bytes) -> bool:
    """Whether a compiled grammar allows this, from its beginning to its end."""
    from xgrammar import GrammarMatcher

    matcher = GrammarMatcher(grammar, terminate_without_stop_token=True)
    return matcher.accept_string(text) and matcher.is_terminated()


class TableNetwork(LanguageNetwork):
    """Logits depend on the last token only.

    Args:
        table_VV: Logits after each token.
    """

    def __init__(self, table_VV: Tensor) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(table_VV, requires_grad=False)

    def logits(self, tokens_BT, lengths_B, taps=None):
        return self.table[tokens_BT]

    def start(self, n, device):
        return Rows(n)

    def step(self, tokens_BL, state):
        assert len(tokens_BL) == state.n
        return self.table[tokens_BL[:, -1]], state


class Rows:
    """State of a network without memory: how many rows there are."""

    def __init__(self, n: int) -> None:
        self.n = n

    def select(self, rows):
        return Rows(len(rows))


def slowly(network, vocabulary, grammars, requests, seeds, *, temperature=1.0, top_p=1.0):
    """Twin of `sample` where nothing has to be completed: record by record, each read from its start for each token."""
    names = [grammar.name for grammar in grammars]
    wording = vocabulary.wording(list(requests.context), names)
    of = network, vocabulary, grammars, wording
    options = {"temperature": temperature, "top_p": top_p}
    return [_one(of, requests, row, seeds[row : row + 1], options) for row in range(len(requests))]


def _one(of, requests, row, seed, options):
    from xgrammar import GrammarMatcher, allocate_token_bitmask

    network, vocabulary, grammars, wording = of

    def ids(name, literal):
        return vocabulary.encode([literal], name).lists()[0]

    tokens = list(wording.prompt_begin)
    for i, (name, literals) in enumerate(requests.context.items()):
        tokens += [*(wording.prompt_between if i else ()), *wording.prompt_names[i], *ids(name, literals[row].as_py())]
    tokens += [*wording.prompt_end, *wording.begin]
    found, n_drawn = [""] * len(grammars), 0
    for place, column in enumerate(requests.orders_NC[row].tolist()):
        grammar, is_last = grammars[column], place == len(grammars) - 1
        tokens += wording.names[column]
        literal = requests.given[grammar.name][row].as_py() if grammar.name in requests.given else None
        if literal is not None:
            tokens += [*ids(grammar.name, literal), *(wording.end if is_last else wording.between)]
            found[column] = literal
            continue
        matcher = GrammarMatcher(grammar.last if is_last else grammar.followed, terminate_without_stop_token=True)
        mask, drawn = allocate_token_bitmask(1, vocabulary.size), []
        while not matcher.is_terminated():
            matcher.fill_next_token_bitmask(mask)
            logits = network.logits(torch.tensor([tokens]), torch.tensor([len(tokens)]))[:, -1]
            number = torch.from_numpy(uniforms(seed, np.array([n_drawn])))
            token = draw(logits, torch.tensor([0]), mask, number, **options).item()
            assert matcher.accept_token(token)
            drawn.append(token)
            tokens.append(token)
            n_drawn += 1
        found[column] = vocabulary.decode([drawn])[0][: -1 if is_last else -2]
    return found
