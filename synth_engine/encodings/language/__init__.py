"""Encodings of language models: how a value becomes a JSON literal and comes back, and which literals may be drawn.

Belongs here: everything of them that depends on a column's type. Does not belong here: tokens, networks, files; the
grammars are plain text.
"""

from synth_engine.encodings.language.base import LanguageEncoding
from synth_engine.encodings.language.registry import (
    AnyLanguageEncoding,
    detect_language,
    language_fitter,
    language_types,
)

__all__ = ["AnyLanguageEncoding", "LanguageEncoding", "detect_language", "language_fitter", "language_types"]
