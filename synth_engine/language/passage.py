"""The passage of a batch of records through a network, token by token.

Belongs here: which token each record reads next. Does not belong here: what is fixed in a record (`requests`), what is
allowed (`values`), which of that is drawn (`draws`).

Shape legend: B records of the batch, A of them still in it, D values of a record that are drawn, L tokens read at once.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synth_engine.language.draws import draw, uniforms
from synth_engine.language.grammar import BETWEEN, END, ColumnGrammar
from synth_engine.language.network import LanguageNetwork
from synth_engine.language.requests import NEVER, Integers, Programs
from synth_engine.language.segments import Wording
from synth_engine.language.values import Values
from synth_engine.language.vocabulary import Vocabulary

# Records that are done leave the batch once they are this share of it: leaving costs a copy of the others' state.
_DONE = 0.25
_NONE = -1


class Source:
    """What all batches are drawn from; arguments as of `sampler.sample`."""

    def __init__(
        self,
        network: LanguageNetwork,
        vocabulary: Vocabulary,
        wording: Wording,
        grammars: Sequence[ColumnGrammar],
        temperature: float,
        top_p: float,
    ) -> None:
        self.network, self.temperature, self.top_p, self.pad = network, temperature, top_p, vocabulary.pad
        self.device = next(network.parameters()).device
        self.bytes: list[bytes] = vocabulary.for_grammars().decoded_vocab
        continuing = bytes(range(0x80, 0xC0))
        self.n_characters = np.array([len(token.translate(None, continuing)) for token in self.bytes])
        self.longest = np.repeat([grammar.longest for grammar in grammars], 2)
        self._ends = {BETWEEN: list(wording.between), END: list(wording.end)}
        self._id_of = {token: i for i, token in reversed(list(enumerate(self.bytes))) if token}
        self._most = max(map(len, self._id_of))

    def completion(self, text: bytes, end: str) -> list[int]:
        """Tokens of what completes a value: its end as in any record, and before that the longest there are."""
        if not text.endswith(end.encode()):
            return self._tokens(text)
        return [*self._tokens(text[: -len(end)]), *self._ends[end]]

    def _tokens(self, text: bytes) -> list[int]:
        found: list[int] = []
        while text:
            lengths = (n for n in range(min(self._most, len(text)), 0, -1) if text[:n] in self._id_of)
            length = next(lengths, None)
            assert length is not None, f"expected a token that {text!r} begins with; every byte must have one"
            found.append(self._id_of[text[:length]])
            text = text[length:]
        return found


class Passage:
    """Records while they are drawn.

    Every record reads one token at a time: one that is fixed, or one that was drawn. As long as all of them have
    several fixed tokens before them, those are read at once.

    Args:
        source: Of the tokens.
        values: Of at least B rows; taken over.
        program: Of the B records.
        seeds: Of the numbers that each record is drawn by, (B,).
    """

    def __init__(self, source: Source, values: Values, program: Programs, seeds: npt.NDArray[np.uint64]) -> None:
        n = len(seeds)
        self._source, self._values, self._program, self._seeds = source, values, program, seeds
        self._cursor = np.zeros(n, dtype=np.int64)  # of the fixed tokens
        self._draw = np.zeros(n, dtype=np.int64)  # number of the value that is drawn, or next
        self._drawn = np.full(n, _NONE)  # token to be read next, in place of a fixed one
        self._is_inside = np.zeros(n, dtype=np.bool_)  # a value
        self._n_drawn, self._n_characters = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        self._completions: dict[int, list[int]] = {}  # of values that got too long: tokens that are left
        self._log: list[tuple[Integers, Integers, Integers]] = []  # rows, numbers of values, tokens

    def literals(self) -> Iterator[tuple[int, int, str]]:
        """Draw: row, column and literal of each value."""
        active = np.flatnonzero(self._program.n_draws_N)
        if len(active):
            self._run(active)
        return self._read()

    def _run(self, active: Integers) -> None:
        network, device = self._source.network, self._source.device
        state = network.start(len(active), device)
        while len(active):
            logits_AV, state = network.step(torch.from_numpy(self._next(active)).to(device), state)
            places = np.flatnonzero(self._cursor[active] == self._stops(active))
            if len(places):
                self._advance(active[places], logits_AV, torch.from_numpy(places))
            is_left = self._draw[active] < self._program.n_draws_N[active]
            if is_left.mean() <= 1 - _DONE:
                active = active[is_left]
                if len(active):
                    state = state.select(torch.from_numpy(np.flatnonzero(is_left)).to(device))

    def _stops(self, rows: Integers) -> Integers:
        """Number of the fixed token before which each row draws next."""
        return self._program.stops_ND[rows, self._draw[rows]]

    def _next(self, active: Integers) -> Integers:
        """Tokens to read, (A, L). Those that are done read padding."""
        stops = self._stops(active)
        is_fixed = (self._drawn[active] == _NONE) & (stops != NEVER)
        runs = np.where(is_fixed, stops - self._cursor[active], np.where(stops == NEVER, NEVER, 1))
        width = int(runs.min())
        last = self._program.tokens_NT.shape[1] - 1
        fixed = self._program.tokens_NT[
            active[:, None], np.minimum(self._cursor[active, None] + np.arange(width), last)
        ]
        other = np.where(self._drawn[active] == _NONE, self._source.pad, self._drawn[active])
        self._cursor[active] += np.where(is_fixed, width, 0)
        self._drawn[active] = _NONE
        return np.where(is_fixed[:, None], fixed, other[:, None])

    def _advance(self, rows: Integers, logits_AV: Tensor, places: Tensor) -> None:
        """Draw the next token of some rows, by the logits in some places."""
        grammars = self._program.grammars_ND[rows, self._draw[rows]]
        for place in np.flatnonzero(~self._is_inside[rows]):
            self._values.start(rows[place], grammars[place])
        tokens = self._tokens(rows, logits_AV, places)
        ended = np.array(self._values.advance(rows.tolist(), tokens.tolist()))
        self._log.append((rows, self._draw[rows], tokens))
        self._drawn[rows] = tokens
        self._is_inside[rows] = ~ended
        self._draw[rows] += ended
        self._n_characters[rows] = np.where(ended, 0, self._n_characters[rows] + self._source.n_characters[tokens])
        for place in np.flatnonzero(self._n_characters[rows] >= self._source.longest[grammars]):
            self._complete(int(rows[place]), END if grammars[place] % 2 else BETWEEN)

    def _tokens(self, rows: Integers, logits_AV: Tensor, places: Tensor) -> Integers:
        numbers = torch.from_numpy(uniforms(self._seeds[rows], self._n_drawn[rows]))
        self._n_drawn[rows] += 1
        source, allowed = self._source, self._values.allowed(rows.tolist())
        drawn = draw(logits_AV, places, allowed, numbers, temperature=source.temperature, top_p=source.top_p)
        tokens = drawn.numpy()
        if self._completions:
            for place, row in enumerate(rows.tolist()):
                if self._completions.get(row):
                    tokens[place] = self._completions[row].pop(0)
        return tokens

    def _complete(self, row: int, end: str) -> None:
        """End the value of a row; it was drawn long enough."""
        if not self._completions.get(row):
            self._completions[row] = self._source.completion(self._values.completion(row, end), end)

    def _read(self) -> Iterator[tuple[int, int, str]]:
        if not self._log:
            return
        rows, draws, tokens = (np.concatenate(parts) for parts in zip(*self._log, strict=True))
        value = rows * self._program.n_draws_N.max() + draws
        order = np.argsort(value, kind="stable")
        starts = np.flatnonzero(np.diff(value[order], prepend=-1))
        firsts = order[starts]
        grammars = self._program.grammars_ND[rows[firsts], draws[firsts]].tolist()
        ids, bounds = tokens[order].tolist(), [*starts.tolist(), len(order)]
        for i, (row, grammar) in enumerate(zip(rows[firsts].tolist(), grammars, strict=True)):
            written = b"".join(map(self._source.bytes.__getitem__, ids[bounds[i] : bounds[i + 1]]))
            end = END if grammar % 2 else BETWEEN
            yield row, grammar // 2, written[: -len(end)].decode("utf-8", errors="replace")
