"""Grammars of what may be drawn: the literal of one column and what ends it, compiled for a vocabulary.

Belongs here: how rules become compiled grammars. Does not belong here: rules (the encodings), walking through values
(`values`). `xgrammar` is imported where it is used: it imports `transformers`, which takes seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xgrammar import CompiledGrammar, TokenizerInfo

# What ends a value that another one follows, and one that none follows.
BETWEEN, END = ", ", "}"


@dataclass(frozen=True, eq=False)
class ColumnGrammar:
    """What may be drawn in one column.

    Args:
        name: Of the column.
        longest: Most characters of a literal; what gets that long is ended. Its end may be longer by what completes an
            escape, a character, or the last token.
        followed: Literals, followed by ``, ``.
        last: Literals, followed by ``}``.
    """

    name: str
    longest: int
    followed: "CompiledGrammar"
    last: "CompiledGrammar"


@dataclass(frozen=True)
class ColumnRules:
    """The uncompiled form of a `ColumnGrammar`.

    Args:
        name: Of the column.
        rules: In xgrammar's EBNF; literals are what ``value`` allows. There is no rule ``root``.
        longest: Most characters of a literal.
    """

    name: str
    rules: str
    longest: int


def compile_grammars(columns: Sequence[ColumnRules], tokens: "TokenizerInfo") -> list[ColumnGrammar]:
    r"""Compile the grammars of a record's columns.

    What xgrammar can tell of a rule by itself takes it microseconds a token. It takes milliseconds where it has to look
    beyond: where texts are repetitions of alternatives that hold groups or other rules of several characters, or where
    such a repetition has a bound. Texts are best written as ``"\"" ([^"\\] | "\\" ["n] | "\\u00" [0-7])* "\""``.
    """
    from xgrammar import GrammarCompiler

    compiler = GrammarCompiler(tokens, max_threads=1)

    def compiled(rules: str, end: str) -> "CompiledGrammar":
        return compiler.compile_grammar(f'{rules}\nroot ::= value "{end}"\n')

    return [
        ColumnGrammar(each.name, each.longest, compiled(each.rules, BETWEEN), compiled(each.rules, END))
        for each in columns
    ]
