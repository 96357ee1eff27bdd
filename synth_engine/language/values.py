"""Values while they are drawn: which tokens may come next, and when a value has ended.

Belongs here: walking through compiled grammars, for many rows at once. Does not belong here: how grammars are made
(`grammar`), which of the allowed tokens is drawn (`draws`).
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from xgrammar import CompiledGrammar, GrammarMatcher

# Beginnings of up to so many tokens are remembered: longer ones seldom come again, but for whole values of few tokens.
_REMEMBERED = 3
# Memory for masks of beginnings that are remembered, in bytes, and the most beginnings.
_MEMORY, _MOST = 1 << 26, 1 << 14
# No value needs more bytes than this to be completed, and no more ways to do so are looked at.
_LONGEST_WAY, _MOST_WAYS = 12, 100_000


class _Beginning:
    """The first tokens of a value.

    Args:
        grammar: Number of the grammar.
        tokens: The tokens.
        place: Row of the masks that says what may follow.
        has_ended: Whether this is a whole value with what ends it.

    Attributes:
        following: Beginnings that are longer by one token.
    """

    __slots__ = ("following", "grammar", "has_ended", "place", "tokens")

    def __init__(self, grammar: int, tokens: tuple[int, ...], place: int, has_ended: bool) -> None:
        self.grammar, self.tokens, self.place, self.has_ended = grammar, tokens, place, has_ended
        self.following: dict[int, _Beginning] = {}


class _Alone:
    """A value that is longer than any beginning that is remembered, with a matcher of its own."""

    __slots__ = ("following", "has_ended", "matcher", "place")

    def __init__(self, matcher: "GrammarMatcher", place: int) -> None:
        self.matcher, self.place, self.has_ended = matcher, place, False
        self.following: dict[int, _Beginning] = {}


class Values:
    """The values that some rows are drawing, one each.

    What may follow the beginning of a value is remembered, as other rows begin alike; from then on it has a matcher of
    its own.

    Guarantees: `advance` takes exactly the tokens that the grammar of the row's value allows.

    Args:
        grammars: Compiled for a vocabulary.
        size: Number of ids.
        n_rows: Number of rows.
    """

    def __init__(self, grammars: Sequence["CompiledGrammar"], size: int, n_rows: int) -> None:
        from xgrammar import BatchGrammarMatcher, GrammarMatcher, allocate_token_bitmask

        self._matchers = [GrammarMatcher(each, terminate_without_stop_token=True) for each in grammars]
        self._fill = BatchGrammarMatcher(max_threads=1).batch_fill_next_token_bitmask
        # Of the rows' own values first, then of beginnings that are remembered.
        self._masks = allocate_token_bitmask(n_rows + 64, size)
        n_bytes = self._masks.shape[1] * self._masks.element_size()
        self._n_places = n_rows
        # Of each grammar; columns that seldom begin alike shall not push out those that do.
        self._room = [max(min(_MEMORY // n_bytes, _MOST) // len(grammars), 1)] * len(grammars)
        self._starts = [self._remembered(grammar, ()) for grammar in range(len(grammars))]
        self._at: list[_Beginning | _Alone] = [self._starts[0]] * n_rows

    def start(self, row: int, grammar: int) -> None:
        """Begin a value."""
        self._at[row] = self._starts[grammar]

    def allowed(self, rows: Sequence[int]) -> Tensor:
        """Bits of the tokens that may come next in the values of some rows, (rows, words), int32."""
        at = self._at
        return self._masks[torch.tensor([at[row].place for row in rows])]

    def advance(self, rows: Sequence[int], tokens: Sequence[int]) -> list[bool]:
        """Take the next token of some rows.

        Returns:
            Whether this ended the value.
        """
        at, ended = self._at, []
        rows_alone: list[int] = []
        matchers: list[GrammarMatcher] = []
        for row, token in zip(rows, tokens, strict=True):
            now = at[row]
            then = now.following.get(token) or self._follow(row, now, token)
            at[row] = then
            ended.append(then.has_ended)
            if isinstance(then, _Alone) and not then.has_ended:
                rows_alone.append(row)
                matchers.append(then.matcher)
        if matchers:
            self._fill(matchers, self._masks, rows_alone)
        return ended

    def completion(self, row: int, end: str) -> bytes:
        """The fewest bytes that complete the value of a row.

        Args:
            row: The row.
            end: What ends its value.
        """
        matcher, ends = self._parsed(self._at[row]), _ends(end)
        ways, n_ways = deque([b""]), 0
        while ways:
            way = ways.popleft()
            for last in ends:
                if _completes(matcher, way + last):
                    return way + last
            for byte in range(256) if len(way) < _LONGEST_WAY else ():
                if matcher.accept_string(way + bytes([byte])):
                    matcher.rollback(1)
                    ways.append(way + bytes([byte]))
                    n_ways += 1
                    if byte >= 0x80:  # one byte that continues a character is as good as any other
                        break
            assert n_ways < _MOST_WAYS, f"expected a value that can be ended by few bytes, after {way!r} found none"
        raise AssertionError("expected a value that can be ended, found none")

    def _follow(self, row: int, now: _Beginning | _Alone, token: int) -> _Beginning | _Alone:
        """Go on in a way that is not remembered; the mask of a value alone is left to be filled."""
        if isinstance(now, _Beginning):
            if len(now.tokens) < _REMEMBERED and self._room[now.grammar]:
                now.following[token] = then = self._remembered(now.grammar, (*now.tokens, token))
                return then
            now = _Alone(self._parsed(now).fork(), row)
        assert now.matcher.accept_token(token), f"expected a token that the grammar allows, found {token}"
        now.has_ended = now.matcher.is_terminated()
        return now

    def _remembered(self, grammar: int, tokens: tuple[int, ...]) -> _Beginning:
        matcher = self._matcher_after(grammar, tokens)
        has_ended = matcher.is_terminated()
        if self._n_places == len(self._masks):
            self._masks = torch.cat([self._masks, torch.empty_like(self._masks)])
        place = self._n_places
        if not has_ended:
            matcher.fill_next_token_bitmask(self._masks, place)
            self._n_places += 1
        self._room[grammar] -= 1
        return _Beginning(grammar, tokens, place, has_ended)

    def _matcher_after(self, grammar: int, tokens: Sequence[int]) -> "GrammarMatcher":
        matcher = self._matchers[grammar]
        matcher.reset()
        for token in tokens:
            assert matcher.accept_token(token), f"expected a token that the grammar allows, found {token}"
        return matcher

    def _parsed(self, value: _Beginning | _Alone) -> "GrammarMatcher":
        return value.matcher if isinstance(value, _Alone) else self._matcher_after(value.grammar, value.tokens)


def _ends(end: str) -> list[bytes]:
    """What may end a value, the shortest first: what is left of its end, or a quote and all of it."""
    return [*(end[i:].encode() for i in reversed(range(len(end)))), f'"{end}'.encode()]


def _completes(matcher: "GrammarMatcher", way: bytes) -> bool:
    if not matcher.accept_string(way):
        return False
    completes = matcher.is_terminated()
    matcher.rollback(1)
    return completes
