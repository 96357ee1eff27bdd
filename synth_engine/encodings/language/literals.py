"""JSON literals of texts, whole columns at a time: RFC 8259, with everything that need not be escaped as it is.

Belongs here: strings and null. Does not belong here: numbers, which literals may be drawn.
"""

import json

import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import InputError
from synth_engine.encodings.numeric import null_mask

NULL = "null"
QUOTES = 2

_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ESCAPED = r'[\x00-\x1f"\\]'
_WITHOUT_SHORT_FORM = r"[\x00-\x07\x0b\x0e-\x1f]"


def text_literal(text: str) -> str:
    r"""The literal of one text.

    >>> print(text_literal('a "quoted" word'))
    "a \"quoted\" word"
    """
    return json.dumps(text, ensure_ascii=False)


def text_literals(texts: pa.Array) -> pa.Array:
    """Literals of ``large_string``, as ``json.dumps(..., ensure_ascii=False)`` writes them; null as ``null``."""
    needs_escapes = pc.match_substring_regex(texts, _ESCAPED).fill_null(False)
    plain = joined('"', texts, '"')
    if needs_escapes.true_count:
        plain = pc.replace_with_mask(plain, needs_escapes, _escaped(texts.filter(needs_escapes)))
    return plain.fill_null(NULL)


def joined(*parts: pa.Array | str) -> pa.Array:
    """Texts as ``large_string`` put together row by row, some of them the same in all rows; null where one is."""
    whole = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*whole, pa.scalar("", pa.large_string()))


def _escaped(texts: pa.Array) -> pa.Array:
    is_odd = pc.match_substring_regex(texts, _WITHOUT_SHORT_FORM)
    odd = pa.array(map(text_literal, texts.filter(is_odd).to_pylist()), pa.large_string())
    for character, short in _SHORT.items():
        texts = pc.replace_substring(texts, character, short)
    return pc.replace_with_mask(joined('"', texts, '"'), is_odd, odd)


def texts_of(literals: pa.Array) -> pa.Array:
    """Inverse of `text_literals`."""
    is_null = pc.equal(literals, NULL)
    texts = pc.utf8_slice_codeunits(literals, 1, -1)
    has_escapes = pc.match_substring(literals, "\\")
    if has_escapes.true_count:
        escaped = json.loads(f"[{','.join(literals.filter(has_escapes).to_pylist())}]")
        texts = pc.replace_with_mask(texts, has_escapes, pa.array(escaped, pa.large_string()))
    return pc.if_else(is_null, pa.scalar(None, pa.large_string()), texts)


def as_texts(values: pa.Array) -> pa.Array:
    """Text, or a dictionary of it, as ``large_string``; raises `InputError` where it is not valid UTF-8."""
    if pa.types.is_dictionary(values.type):
        return as_texts(values.dictionary).take(values.indices)
    texts = values.cast(pa.large_string())
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        raise InputError("expected text in UTF-8, found bytes that are none; decode the file anew") from None
    return texts


def where_null(values: pa.Array, literals: pa.Array) -> pa.Array:
    """Literals, ``null`` in place of those whose value is null."""
    return pc.if_else(pa.array(null_mask(values)), pa.scalar(NULL, pa.large_string()), literals)
