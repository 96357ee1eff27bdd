"""Encodings: how a column becomes integer codes and comes back. One file per type, one contract, one registry.

Belongs here: everything that depends on a column's type. Does not belong here: files, the network, what stages do.
Adding an encoding is one new file and one line in `registry`.
"""

from synth_engine.encodings.base import Encoding, Entities, draws_nulls, null_codes
from synth_engine.encodings.language import AnyLanguageEncoding, LanguageEncoding
from synth_engine.encodings.registry import AnyEncoding, detect, fitter, supported_types
from synth_engine.encodings.value_counts import ValueCounts

__all__ = [
    "AnyEncoding",
    "AnyLanguageEncoding",
    "Encoding",
    "Entities",
    "LanguageEncoding",
    "ValueCounts",
    "detect",
    "draws_nulls",
    "fitter",
    "null_codes",
    "supported_types",
]
