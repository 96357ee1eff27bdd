"""Kinds of characters: what may be known of a rare one, and what may be drawn in its place. Knows no data.

Belongs here: which kinds there are and which characters each has. A kind is a part of a national character set, such as
the capital letters of the Greek one, for these hold what is in common use: the kanji of its first level are 2,965 of
some 90,000 that Unicode knows. So neither a kind nor what is drawn of it says anything about a table. Does not belong
here: who has them.

What is in no kind, such as ASCII, has enough common characters at its place.
"""

from collections.abc import Iterable
from functools import cache
from unicodedata import category, normalize

import numpy as np
import numpy.typing as npt

from synth_engine.encodings.code_points import END, CodePoints

NO_KIND = -1
# Alphabets by the parts of ISO 8859 that have them; a letter that several have is of the first. Latin ones beyond ASCII
# are together, for few people have one that is of one country alone.
_ALPHABETS = {
    "latin": ("iso8859_1", "iso8859_2", "iso8859_9", "iso8859_13"),
    "cyrillic": ("iso8859_5",),
    "greek": ("iso8859_7",),
    "hebrew": ("iso8859_8",),
    "arabic": ("iso8859_6",),
    "thai": ("iso8859_11",),
}
# First levels: JIS X 0208 rows 16 to 47, GB 2312 rows 16 to 55; all syllables of KS X 1001 (rows 16 to 40).
_ROWS = {
    "hiragana": ("euc_jp", range(4, 5)),
    "katakana": ("euc_jp", range(5, 6)),
    "kanji": ("euc_jp", range(16, 48)),
    "hanzi": ("gb2312", range(16, 56)),
    "hangul": ("euc_kr", range(16, 41)),
}
# Rare ones beyond these sets are of the kind as well, but never drawn: Unicode's blocks of the two.
_BLOCKS = {"kanji": range(0x4E00, 0xA000), "hangul": range(0xAC00, 0xD7A4)}


@cache
def characters_by_kind() -> dict[str, CodePoints]:
    """The code points that may be drawn of each kind, ascending; every one is of a single kind.

    >>> [chr(point) for point in characters_by_kind()["greek_lower"][:5]]
    ['ΐ', 'ά', 'έ', 'ή', 'ί']
    """
    kinds: dict[str, CodePoints] = {}
    taken: set[str] = set()
    for name, characters in _sets():
        some = [character for character in sorted(characters) if character not in taken]
        taken.update(some)
        if some:
            kinds[name] = np.array([ord(character) for character in some], np.uint32)
    return kinds


@cache
def kind_names() -> list[str]:
    """Names of all kinds; the index of a name here stands for the kind in `kinds_of`."""
    return list(characters_by_kind())


def kinds_of(points: CodePoints) -> npt.NDArray[np.int64]:
    """The kind of each code point, as an index of `kind_names`; `NO_KIND` for what is in none, and for `END`."""
    return _kind_of_point()[points].astype(np.int64)


@cache
def _kind_of_point() -> npt.NDArray[np.int8]:
    table = np.full(END + 1, NO_KIND, np.int8)
    for name, block in _BLOCKS.items():
        table[block.start : block.stop] = kind_names().index(name)
    for kind, points in enumerate(characters_by_kind().values()):
        table[points] = kind
    return table


def _sets() -> Iterable[tuple[str, set[str]]]:
    for name, codecs in _ALPHABETS.items():
        found = "".join(bytes(range(0xA0, 0x100)).decode(codec, "ignore") for codec in codecs)
        # Signs that are made of letters, such as that of micro, are normalised to these.
        letters = [each for each in found if normalize("NFKC", each) == each]
        for ending, of_unicode in (("_upper", "Lu"), ("_lower", "Ll"), ("", "Lo")):
            yield f"{name}{ending}", {each for each in letters if category(each) == of_unicode}
    for name, (codec, rows) in _ROWS.items():
        pairs = (bytes([0xA0 + row, 0xA0 + cell]) for row in rows for cell in range(1, 95))
        yield name, {pair.decode(codec, "ignore") for pair in pairs} - {""}
