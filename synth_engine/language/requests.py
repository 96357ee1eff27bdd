"""What is asked of a language model: which literals are known of each record, and in which order the others are drawn.

Belongs here: requests, and the tokens that they fix. Does not belong here: drawing (`sampler`).

Shape legend: N records, C target columns, P pieces of text of a record, T tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from synth_engine.language.segments import Segments, Wording, joined
from synth_engine.language.vocabulary import Vocabulary

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Requests:
    """Records to draw.

    Args:
        orders_NC: Target columns of each record in the order in which they are written; those given should come first,
            as what is drawn before them does not know them.
        context: Literals of each context column, without nulls, (N,) each; in the order of the wording.
        given: Literals of target columns; null where one is to be drawn. Columns that are drawn everywhere are absent.
    """

    orders_NC: Integers
    context: Mapping[str, pa.Array] = field(default_factory=dict)
    given: Mapping[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.orders_NC)

    def take(self, rows: Integers) -> "Requests":
        """Those of some records."""
        context, given = (
            {name: each.take(pa.array(rows)) for name, each in part.items()} for part in (self.context, self.given)
        )
        return Requests(self.orders_NC[rows], context, given)


@dataclass(frozen=True, eq=False)
class Programs:
    """What each record makes of its tokens: those that are fixed, and where values are drawn between them.

    Args:
        tokens_NT: The fixed tokens up to the last value that is drawn, filled up with some id.
        stops_ND: Before which of them values are drawn; after the last one, a number that is never reached.
        grammars_ND: By which grammar: twice the column, and one more where it is the last of its record.
        n_draws_N: How many values are drawn.
    """

    tokens_NT: Integers
    stops_ND: Integers
    grammars_ND: Integers
    n_draws_N: Integers

    def rows(self, rows: Integers) -> "Programs":
        """Those of some records, without columns that these do not need."""
        n_draws = self.n_draws_N[rows]
        most = int(n_draws.max(initial=0))
        stops = self.stops_ND[rows, : most + 1]
        last = np.take_along_axis(stops, np.maximum(n_draws - 1, 0)[:, None], 1)
        width = int(last[n_draws > 0].max(initial=0))
        return Programs(self.tokens_NT[rows, :width], stops, self.grammars_ND[rows, : most + 1], n_draws)


NEVER = np.iinfo(np.int64).max


def programs(requests: Requests, columns: Sequence[str], vocabulary: Vocabulary, wording: Wording) -> Programs:
    """What requests come to in tokens.

    Args:
        requests: Of N records.
        columns: Names of the target columns.
        vocabulary: Encodes literals.
        wording: What is fixed in every record, of the same columns.
    """
    n, n_columns = requests.orders_NC.shape
    assert n_columns == len(columns), f"expected orders of {len(columns)} columns, found {n_columns}"
    pool = _Pool(wording)
    prompt = _prompt(requests, vocabulary, wording, pool, n)
    given_NC = np.full((n, n_columns), _NOTHING)
    for name, literals in requests.given.items():
        given_NC[:, list(columns).index(name)] = pool.literals(vocabulary, name, literals)
    is_last_C = np.arange(n_columns) == n_columns - 1
    given_NC = np.take_along_axis(given_NC, requests.orders_NC, 1)
    is_drawn_NC = given_NC == _NOTHING
    end_NC = np.where(is_drawn_NC, _NOTHING, np.where(is_last_C, _END, _BETWEEN))
    parts = np.stack([pool.names[requests.orders_NC], given_NC, end_NC], axis=2)
    pieces_NP = np.concatenate([*prompt, np.full((n, 1), _BEGIN), parts.reshape(n, 3 * n_columns)], axis=1)
    grammars_NC = 2 * requests.orders_NC + is_last_C
    drawn_at = 2 + len(prompt) + 3 * np.arange(n_columns)
    return _assembled(pool.segments(), pieces_NP, drawn_at, is_drawn_NC, grammars_NC)


_NOTHING, _BEGIN, _BETWEEN, _END, _PROMPT_BEGIN, _PROMPT_BETWEEN, _PROMPT_END = range(7)


class _Pool:
    """Pieces of text that records are made of, by number."""

    def __init__(self, wording: Wording) -> None:
        fixed = [(), wording.begin, wording.between, wording.end]
        fixed += [wording.prompt_begin, wording.prompt_between, wording.prompt_end]
        self._parts = [Segments.of([*fixed, *wording.names, *wording.prompt_names])]
        self.names = len(fixed) + np.arange(len(wording.names))
        self.prompt_names = len(fixed) + len(wording.names) + np.arange(len(wording.prompt_names))
        self._size = len(self._parts[0])

    def literals(self, vocabulary: Vocabulary, name: str, literals: pa.Array) -> Integers:
        """Numbers of the pieces of some literals; that of nothing for null."""
        codes = literals.dictionary_encode()
        distinct = vocabulary.encode(codes.dictionary, name)
        numbers = codes.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        found: Integers = np.where(numbers < 0, _NOTHING, self._size + numbers)
        self._parts.append(distinct)
        self._size += len(distinct)
        return found

    def segments(self) -> Segments:
        """All pieces."""
        return joined(self._parts)


def _prompt(requests: Requests, vocabulary: Vocabulary, wording: Wording, pool: _Pool, n: int) -> list[Integers]:
    """Columns (N, 1) of numbers of pieces: the object of the context."""
    n_prompt = len(wording.prompt_names)
    assert len(requests.context) == n_prompt, f"expected {n_prompt} context columns, found {len(requests.context)}"
    if not n_prompt:
        return []
    found = [np.full((n, 1), _PROMPT_BEGIN)]
    for i, (name, literals) in enumerate(requests.context.items()):
        found += [np.full((n, 1), _PROMPT_BETWEEN)] if i else []
        found += [np.full((n, 1), pool.prompt_names[i]), pool.literals(vocabulary, name, literals)[:, None]]
    return [*found, np.full((n, 1), _PROMPT_END)]


def _assembled(
    pool: Segments, pieces_NP: Integers, drawn_at_C: Integers, is_drawn_NC: npt.NDArray[np.bool_], grammars_NC: Integers
) -> Programs:
    """Tokens of the pieces up to the last value that is drawn."""
    n, n_pieces = pieces_NP.shape
    n_draws_N = is_drawn_NC.sum(1)
    last_N = np.where(is_drawn_NC, drawn_at_C, 0).max(1, initial=0)
    pieces_NP = np.where(np.arange(n_pieces) < last_N[:, None], pieces_NP, _NOTHING)
    lengths_NP = pool.lengths.numpy()[pieces_NP]
    ends_NP = lengths_NP.cumsum(1)
    tokens_NT = np.zeros((n, int(ends_NP[:, -1].max(initial=0))), dtype=np.int64)
    is_there_NT = np.arange(tokens_NT.shape[1]) < ends_NP[:, -1:]
    tokens_NT[is_there_NT] = pool.take(torch.from_numpy(pieces_NP.ravel())).ids.numpy()
    # Draws first, in the order of the record.
    order_NC = np.argsort(~is_drawn_NC, axis=1, kind="stable")
    stops_NC = np.where(is_drawn_NC, ends_NP[:, drawn_at_C], NEVER)
    stops_ND = np.take_along_axis(stops_NC, order_NC, 1)
    grammars_ND = np.take_along_axis(grammars_NC, order_NC, 1)
    return Programs(
        tokens_NT,
        np.pad(stops_ND, ((0, 0), (0, 1)), constant_values=NEVER),
        np.pad(grammars_ND, ((0, 0), (0, 1))),
        n_draws_N,
    )
