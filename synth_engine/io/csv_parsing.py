"""Separated text to a table of texts: separator, header, rows. Types are the business of `csv_types`.

Errors tell the row, and quote nothing of it.
"""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import pyarrow as pa
import pyarrow.csv as pa_csv

from synth_engine.domain import InputError
from synth_engine.domain.buffers import detached

_SEPARATORS = ",;\t|"
_SAMPLE_ROWS = 100
_BLOCK_BYTES = 1 << 24
_MAX_BLOCK_BYTES = (1 << 31) - 1
# Less is quickly read by one thread. And where torch is loaded, a process often aborts that ends right after Arrow
# began to start threads (https://github.com/apache/arrow/issues/34314).
_WORTH_THREADS_BYTES = 1 << 22


def parse_csv(content: bytes, url: str, separator: str | None = None) -> tuple[pa.Table, str]:
    """Parse separated text with a line of column names.

    Args:
        content: The text in UTF-8, with or without byte order mark.
        url: Where it comes from, for errors.
        separator: What stands between fields; None finds out.

    Returns:
        The table, all columns of which are text, and the separator. Empty fields are null.

    Raises:
        InputError: not text, not UTF-8, no header, or rows of different length.
    """
    _check_content(content, url)
    if not re.search(rb"[\r\n]", content):
        content += b"\n"  # Arrow takes no header without it
    try:
        separator = separator or find_separator(content)
        header = next(_records(content, separator), [])
        if not header:
            raise InputError(f"{url}: expected a line of column names, found an empty file")
        table = _parse(content, separator, header)
    except UnicodeDecodeError:
        raise _not_utf8(content, url) from None
    except csv.Error:
        raise InputError(
            f"{url}: expected separated text, found a column name too long for any; is a quote missing?"
        ) from None
    except pa.ArrowInvalid as error:
        raise _explanation(error, content, separator or ",", header, url) from None
    _check_last_quote(table, content, url)
    return table, separator


def find_separator(content: bytes) -> str:
    """The separator that divides the first rows into the same number of fields each, and into the most.

    Where none does, the one that divides the header into the most; a comma where nothing does.
    """
    found = {}
    for separator in _SEPARATORS:
        lengths = _first_lengths(content, separator)
        is_even = lengths[0] > 1 and len(set(lengths)) == 1
        found[separator] = (is_even, lengths[0])
    return max(_SEPARATORS, key=lambda separator: found[separator])


def _first_lengths(content: bytes, separator: str) -> list[int]:
    """Numbers of fields in the first rows, at least of one."""
    lengths = []
    with suppress(csv.Error):  # a long text; the rows before it must do
        for fields in islice(_records(content, separator), _SAMPLE_ROWS):
            lengths += [len(fields)] if fields else []
    return lengths or [0]


def _records(content: bytes, separator: str) -> Iterator[list[str]]:
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    return csv.reader(lines, delimiter=separator)


def _parse(content: bytes, separator: str, header: list[str], block_bytes: int = _BLOCK_BYTES) -> pa.Table:
    try:
        return _read(content, separator, header, block_bytes)
    except pa.ArrowInvalid as error:
        if "straddl" not in str(error) or block_bytes >= _MAX_BLOCK_BYTES:
            raise
    return _read(content, separator, header, _MAX_BLOCK_BYTES)  # for rows longer than a block


def _read(
    content: bytes, separator: str, header: list[str], block_bytes: int = _BLOCK_BYTES, *, use_threads: bool = True
) -> pa.Table:
    use_threads = use_threads and len(content) > _WORTH_THREADS_BYTES
    return pa_csv.read_csv(
        pa.BufferReader(detached(content)),
        read_options=pa_csv.ReadOptions(block_size=min(block_bytes, len(content) + 1), use_threads=use_threads),
        parse_options=pa_csv.ParseOptions(
            delimiter=separator,
            newlines_in_values=True,
            ignore_empty_lines=len(header) > 1,  # of one column, an empty line is a value
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _check_content(content: bytes, url: str) -> None:
    if not content.strip(b"\xef\xbb\xbf\r\n"):
        raise InputError(f"{url}: expected a line of column names, found an empty file")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{url}: expected UTF-8, found UTF-16; convert it, for example by iconv -f utf-16 -t utf-8")
    if b"\0" in content:
        raise InputError(
            f"{url}: expected text, found a NUL byte at byte {content.index(0) + 1}; is it another format?"
        )


def _not_utf8(content: bytes, url: str) -> InputError:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return InputError(
            f"{url}: expected UTF-8, found other bytes in line {line}; "
            "convert it, for example by iconv -f windows-1252 -t utf-8"
        )
    raise AssertionError("the text is UTF-8")


def _explanation(error: pa.ArrowInvalid, content: bytes, separator: str, header: list[str], url: str) -> InputError:
    """What Arrow says, without the row that it quotes and with the number of that row."""
    if "invalid UTF8" in str(error):
        return _not_utf8(content, url)
    lengths = re.search(r"Expected (\d+) columns, got (\d+)", str(error))
    if lengths is None:
        return InputError(f"{url}: expected separated text, found what cannot be divided into rows; is it damaged?")
    row = _number_of_row(content, separator, header)
    return InputError(
        f"{url}: expected {lengths[1]} fields in every row as in the header, found {lengths[2]} in row {row} "
        "(the header is row 1); put fields that hold the separator into quotes"
    )


def _number_of_row(content: bytes, separator: str, header: list[str]) -> str:
    try:  # only one thread counts
        _read(content, separator, header, use_threads=False)
    except pa.ArrowInvalid as error:
        found = re.search(r"Row #(\d+)", str(error))
        if found:
            return found[1]
    return "?"


def _check_last_quote(table: pa.Table, content: bytes, url: str) -> None:
    """A quote that is never closed swallows all rows after it: tell instead of losing them."""
    if table.num_rows == 0:
        return
    last = table.column(table.num_columns - 1)[-1].as_py() or ""
    if "\n" in last and not content.rstrip(b"\r\n").endswith(b'"'):
        raise InputError(
            f"{url}: expected a closing quote, found none from row {table.num_rows + 1} (header: row 1) to the end"
        )
