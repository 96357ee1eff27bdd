"""Grammars as text, in the dialect of EBNF that xgrammar reads: strings, rules, alternatives of many strings.

Belongs here: notation. Does not belong here: what columns allow, xgrammar itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

# Alternatives that share no more than their beginnings are nested no deeper than this.
_DEEPEST = 100


def rules(of: Mapping[str, str]) -> str:
    """Rules by their name."""
    return "".join(f"{name} ::= {definition}\n" for name, definition in of.items())


def quoted(text: str) -> str:
    r"""A string of a grammar that is matched as it is.

    >>> print(quoted('"é"'))
    "\"\u00e9\""
    """
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    point = ord(character)
    if ord(" ") <= point <= ord("~"):
        return character
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def either(options: Iterable[str]) -> str:
    """One of several expressions, in parentheses if needed; empty where there are none."""
    kept = list(options)
    return kept[0] if len(kept) == 1 else f"({' | '.join(kept)})" if kept else ""


def one_of(texts: Iterable[str]) -> str:
    """One of these texts, by their common beginnings: ten thousand alternatives side by side take seconds to compile.

    >>> print(one_of(["ab", "ac", "x"]))
    ("a" ("b" | "c") | "x")
    """
    return _tree(sorted(set(texts)), 0, 0)


def _tree(texts: Sequence[str], known: int, depth: int) -> str:
    """One of some texts, ascending, of which so many first characters are written already."""
    if depth > _DEEPEST or len(texts) == 1:
        return either(quoted(text[known:]) for text in texts)
    options = [] if len(texts[0]) > known else ['""']
    for _, group in groupby(texts[len(options) :], lambda text: text[known]):
        branch = list(group)
        shared = _shared(branch[0], branch[-1])
        rest = f" {_tree(branch, shared, depth + 1)}" if len(branch) > 1 else ""
        options.append(f"{quoted(branch[0][known:shared])}{rest}")
    return either(options)


def _shared(one: str, other: str) -> int:
    """Number of characters that two texts begin with in common."""
    return next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
