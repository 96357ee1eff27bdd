"""Sampling: records token by token, each under the grammar of the value that it is about to write.

Belongs here: from requests to literals, in batches. Does not belong here: what is fixed in a record (`requests`), how
a batch passes through the network (`passage`).

`sample` is all that others see, so that another backend may offer the same function.
"""

from collections.abc import Sequence

import numpy as np
import torch

from synth_engine.language.grammar import ColumnGrammar
from synth_engine.language.network import LanguageNetwork
from synth_engine.language.passage import Passage, Source
from synth_engine.language.requests import Requests, programs
from synth_engine.language.segments import Wording
from synth_engine.language.values import Values
from synth_engine.language.vocabulary import Vocabulary

DEFAULT_BATCH = 512


@torch.no_grad()
def sample(  # noqa: PLR0913 what every backend is given
    network: LanguageNetwork,
    vocabulary: Vocabulary,
    wording: Wording,
    grammars: Sequence[ColumnGrammar],
    requests: Requests,
    *,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_p: float = 1.0,
    batch_size: int = DEFAULT_BATCH,
) -> list[list[str]]:
    """Draw the literals of records.

    Guarantees:
        - each literal that is drawn is one that its column's grammar allows, and so valid JSON, whatever the network;
          only bytes that are not UTF-8, where a grammar allows them, become U+FFFD;
        - drawing always ends: a literal of `ColumnGrammar.longest` characters is ended as soon as its grammar allows;
        - literals that are given come back as they are;
        - what a record is drawn by depends on the generator and its place among the requests only: neither on
          `batch_size` nor on other records, but for the rounding of the network's logits.

    Args:
        network: A trained one, in evaluation mode.
        vocabulary: The one it was trained with.
        wording: What is fixed, of the same columns as requests and grammars.
        grammars: Of the target columns, in their order.
        requests: Of N records.
        generator: Source of randomness, on the CPU.
        temperature: What logits are divided by; 0 takes the most likely token.
        top_p: Of the tokens that are allowed only the most likely are drawn that have this probability together.
        batch_size: Records at a time; bounds the memory.

    Returns:
        Literals of each record, in the order of the columns (not in that in which they were drawn).
    """
    if not len(requests):
        return []
    seeds = torch.randint(-(2**63), 2**63 - 1, (len(requests),), generator=generator).numpy().view(np.uint64)
    names = [grammar.name for grammar in grammars]
    program = programs(requests, names, vocabulary, wording)
    source = Source(network, vocabulary, wording, grammars, temperature, top_p)
    n_rows = max(min(batch_size, len(requests)), 1)
    values = Values([each for of in grammars for each in (of.followed, of.last)], vocabulary.size, n_rows)
    literals: list[list[str]] = _given(requests, names)
    # Records with prompts of similar length together: what all of them have fixed is read at once.
    order = np.lexsort((program.stops_ND[:, 0], program.n_draws_N > 0))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        for row, column, literal in Passage(source, values, program.rows(rows), seeds[rows]).literals():
            literals[rows[row]][column] = literal
    return literals


def _given(requests: Requests, names: Sequence[str]) -> list[list[str]]:
    """Literals (N, C) that are given, and empty texts."""
    columns = [
        requests.given[name].fill_null("").to_pylist() if name in requests.given else [""] * len(requests)
        for name in names
    ]
    return [list(row) for row in zip(*columns, strict=True)]
