"""What a file's name says of its content, and errors of storage in words that name the place."""

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from urllib.parse import urlsplit

import pyarrow as pa

from synth_engine.domain import InputError, harmless

ENDINGS = ".csv, .tsv (also with .gz, .bz2, .xz or .zst) or .parquet"
_CODECS = {"gz": "gzip", "bz2": "bz2", "xz": "xz", "zst": "zstd"}
_NAME = re.compile(r"\.(?:(?P<text>csv|tsv)(?:\.(?P<codec>gz|bz2|xz|zst))?|parquet|pq)$", re.IGNORECASE)
_TROUBLE = (OSError, EOFError, ValueError, ImportError, NotImplementedError, LZMAError, zlib.error, pa.ArrowException)
# The clients of object stores raise errors of their own beside OSError.
CLIENT_LIBRARIES = {"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google"}


@dataclass(frozen=True)
class Format:
    """Content of a file.

    Args:
        is_parquet: Parquet, otherwise separated text.
        separator: What stands between fields of text; None where the name does not tell.
        codec: How text is compressed, in pyarrow's words; None where it is not.
    """

    is_parquet: bool
    separator: str | None = None
    codec: str | None = None


def format_of(url: str) -> Format | None:
    r"""The format by the end of a name, None where it tells nothing.

    >>> format_of("Table.TSV.gz")
    Format(is_parquet=False, separator='\t', codec='gzip')
    """
    path = urlsplit(url).path if url.lower().startswith(("http://", "https://")) else url
    found = _NAME.search(path.rstrip("/"))
    if found is None:
        return None
    if found["text"] is None:
        return Format(is_parquet=True)
    codec = _CODECS[found["codec"].lower()] if found["codec"] else None
    return Format(is_parquet=False, separator="\t" if found["text"].lower() == "tsv" else None, codec=codec)


@contextmanager
def explained(url: str, action: str) -> Iterator[None]:
    """Turn errors of storage and of file formats into an `InputError` that names the place.

    Args:
        url: What the block works on.
        action: What the block does to it: ``"read"``, ``"written"``.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        library = type(error).__module__.partition(".")[0]
        if not isinstance(error, _TROUBLE) and library not in CLIENT_LIBRARIES:
            raise
        raise InputError(f"{url}: cannot be {action}: {_reason(error)}") from harmless(error)


def _reason(error: Exception) -> str:
    """The first line of what went wrong; a module that is missing with how to get it."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder"
    if isinstance(error, ImportError) and "s3fs" in str(error):
        return "s3:// needs the package s3fs; install it, for example by pip install 'synth-engine[aws]'"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    words = str(error).partition("\n")[0].rstrip(".").removeprefix("Could not open Parquet input source '<Buffer>': ")
    return words or type(error).__name__
