"""Which strings a grammar allows, asked of xgrammar itself, with a vocabulary of single bytes."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

STOP = 256


@lru_cache(maxsize=1)
def _compiler() -> Any:
    import xgrammar

    vocabulary = [bytes([byte]) for byte in range(STOP)] + [b"</s>"]
    info = xgrammar.TokenizerInfo(vocabulary, vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[STOP])
    return xgrammar.GrammarCompiler(info)


def matcher_of(grammar: str, root: str = "value") -> Callable[[str], bool]:
    """Tells of a string whether the grammar allows exactly it."""
    import xgrammar

    compiled = _compiler().compile_grammar(grammar, root_rule_name=root)

    def allows(text: str) -> bool:
        matcher = xgrammar.GrammarMatcher(compiled, terminate_without_stop_token=True)
        return bool(matcher.accept_string(text) and matcher.is_terminated())

    return allows
