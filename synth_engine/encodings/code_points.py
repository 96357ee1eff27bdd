"""Texts as matrices of Unicode code points, and back. Knows no codes and no columns.

Code points rather than letters as people see them: a letter and its combining accent are two, a family emoji is seven.
Nothing is normalised, so that every text comes back as it was.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import InputError

CodePoints = npt.NDArray[np.uint32]
# One past the last code point of Unicode: behind the end of a text.
END = 0x110000
# Code points from these on take one more byte each in UTF-8.
_LONGER = (0x80, 0x800, 0x10000)


def lengths_of(texts: pa.Array) -> npt.NDArray[np.int64]:
    """Number of code points of each ``large_string``; 0 for null."""
    lengths: npt.NDArray[np.int64] = pc.utf8_length(texts).fill_null(0).to_numpy().astype(np.int64)
    return lengths


def to_code_points(texts: pa.Array, width: int) -> CodePoints:
    """The first code points of each ``large_string``, of shape (texts, width); `END` behind a text and for null.

    Raises:
        InputError: a text that is not valid UTF-8, which some files have.
    """
    points = np.full((len(texts), width), END, np.uint32)
    try:
        first = pc.utf8_slice_codeunits(texts.fill_null(""), 0, width)  # what Arrow calls code units are code points
        points[np.arange(width) < lengths_of(first)[:, None]] = all_points(first)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        raise InputError("expected text in UTF-8, found bytes that are none; decode the file anew") from None
    return points


def all_points(texts: pa.Array) -> CodePoints:
    """The code points of all texts, ``large_string`` without nulls, one after the other."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if len(texts) == 0 or offsets[-1] == offsets[0]:
        return np.zeros(0, np.uint32)
    utf8 = memoryview(texts.buffers()[2])[offsets[0] : offsets[-1]]
    return np.frombuffer(str(utf8, "utf-8").encode("utf-32-le"), np.uint32)


def utf8_sizes(points: CodePoints) -> npt.NDArray[np.int64]:
    """Number of bytes of each code point in UTF-8."""
    sizes = np.ones(points.shape, np.int64)
    for limit in _LONGER:
        sizes += points >= limit
    return sizes


def from_code_points(points: CodePoints) -> pa.Array:
    """Texts as ``large_string``, each up to the first `END` of its row.

    >>> from_code_points(np.array([[72, 0xE9, END], [END, 72, 72]], np.uint32)).to_pylist()
    ['Hé', '']
    """
    is_inside = np.logical_and.accumulate(points != END, axis=1)
    n_bytes = is_inside * utf8_sizes(points)
    offsets = np.concatenate([[0], np.cumsum(n_bytes.sum(axis=1, dtype=np.int64))])
    utf8 = str(memoryview(points[is_inside].astype("<u4").tobytes()), "utf-32-le").encode()
    return pa.LargeStringArray.from_buffers(len(points), pa.py_buffer(offsets), pa.py_buffer(utf8))
