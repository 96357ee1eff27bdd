"""CSV of every shape: separators, quotes, line ends, sizes; and what is refused, without a word of the data."""

import gzip
import lzma
import secrets

import pyarrow as pa
import pytest

from synth_engine.domain import InputError
from synth_engine.io import read_table

SECRET = "geheim"


def read(tmp_path, content: str | bytes, name: str = "table.csv") -> dict[str, list[object]]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path).to_pydict()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
def test_separator_is_found(tmp_path, separator):
    content = "a,b,c\n1,x,2\n3,y,4\n".replace(",", separator)
    assert read(tmp_path, content) == {"a": [1, 3], "b": ["x", "y"], "c": [2, 4]}


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("a,b\nx;1,2\ny;3,4\n", ["a", "b"]),
        ("a;b\n1,5;2\n1,5;3\n", ["a", "b"]),
        ('a,b\n"x;y;z",1\n', ["a", "b"]),
        ("city, country;x;y\nBerlin, DE;1;2\nRome, IT;2;3\n", ["city, country", "x", "y"]),
        ('name\n"Smith, John"\n"x; y"\n', ["name"]),
        ("a|b,c\nx|y,1\nz|u,2\n", ["a|b", "c"]),
        ("one column\n1\n", ["one column"]),
    ],
)
def test_other_separators_within_values_do_not_mislead(tmp_path, content, columns):
    assert list(read(tmp_path, content)) == columns


def test_tsv_is_separated_by_tabs_only(tmp_path):
    assert read(tmp_path, "a,b\n1,2\n", "table.tsv") == {"a,b": ["1,2"]}


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n",
        "a,b\n1,2",
        "a,b\r\n1,2\r\n",
        "\ufeffa,b\n1,2\n",
        '"a","b"\n"1","2"\n',
        "a,b\n\n1,2\n\n",
    ],
    ids=["plain", "no line end", "CRLF", "byte order mark", "quotes", "empty lines"],
)
def test_spellings_of_the_same_table(tmp_path, content):
    assert read(tmp_path, content) == {"a": [1], "b": [2]}


def test_quotes_hold_line_ends_separators_and_quotes(tmp_path):
    assert read(tmp_path, 'a,"b\nc"\n"x\ny","1,2"\n"say ""hi""",z\n') == {
        "a": ["x\ny", 'say "hi"'],
        "b\nc": ["1,2", "z"],
    }


def test_header_without_rows_is_an_empty_table(tmp_path):
    assert read(tmp_path, "a,b\n") == read(tmp_path, "a,b") == {"a": [], "b": []}


def test_empty_line_of_one_column_is_null(tmp_path):
    assert read(tmp_path, "x\n1\n\n3\n") == {"x": [1, None, 3]}


def test_columns_that_repeat_are_left_to_split_which_refuses_them(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,a\n1,x\n")
    assert read_table(path).column_names == ["a", "a"]


def test_unicode(tmp_path):
    assert read(tmp_path, "Größe,名前\n1,😀\n") == {"Größe": [1], "名前": ["😀"]}


def test_very_wide(tmp_path):
    names = [f"column {number}" for number in range(3000)]
    found = read(tmp_path, ",".join(names) + "\n" + ",".join(map(str, range(3000))) + "\n")
    assert list(found) == names
    assert found["column 2999"] == [2999]


def test_row_longer_than_a_block(tmp_path):
    long = "x" * (1 << 25)
    assert read(tmp_path, f"a,b\n{long},1\n")["a"] == [long]


def test_more_rows_than_one_thread_reads(tmp_path):
    content = "a,b\n" + "".join(f"{number},text of row {number}\n" for number in range(200_000))
    found = read(tmp_path, content)
    assert found["a"] == list(range(200_000))
    assert found["b"][-1] == "text of row 199999"


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
def test_compressed(tmp_path, ending):
    content = b"a,b\n1,2\n"
    compress = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}
    if ending == "xz":
        packed = lzma.compress(content)
    else:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, compress[ending]) as stream:
            stream.write(content)
        packed = sink.getvalue().to_pybytes()
    assert read(tmp_path, packed, f"Table.CSV.{ending}") == {"a": [1], "b": [2]}
    with pytest.raises(InputError, match="damaged or cut short"):
        read(tmp_path, packed[:-3], f"table.csv.{ending}")


def test_gzip_of_several_members(tmp_path):
    assert read(tmp_path, gzip.compress(b"a\n1\n") + gzip.compress(b"2\n"), "t.csv.gz") == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (b"\n\n", "found an empty file"),
        (b"\xef\xbb\xbf", "found an empty file"),
        (f"a,b\n1,2\n{SECRET}\n", "expected 2 fields .* found 1 in row 3"),
        (f"a,b\n1,2\n3,{SECRET},4\n", "expected 2 fields .* found 3 in row 3"),
        ("a,b\n" + "1,2\n" * 2_000_000 + f"3,{SECRET},4\n", "found 3 in row 2000002"),
        (f'a,b\n1,2\n3,"{SECRET}\n4,5\n6,7\n', "closing quote, found none from row 3"),
        (f"a,b\n1,{SECRET}é\n".encode("latin1"), "expected UTF-8, found other bytes in line 2"),
        ("a,é\n1,2\n".encode("latin1"), "expected UTF-8, found other bytes in line 1"),
        (f"a,b\n1,{SECRET}\n".encode("utf-16"), "found UTF-16"),
        (f"a,b\n1,{SECRET}\0\n", "NUL byte at byte 13"),
        (b"\x89PNG\r\n\x1a\n\0\0" + secrets.token_bytes(50), "NUL byte"),
    ],
    ids=["empty", "blank", "mark", "short", "long", "far", "quote", "latin", "header", "utf-16", "nul", "binary"],
)
def test_damage_is_told_with_its_place_and_without_data(tmp_path, content, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, content)
    assert SECRET not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
