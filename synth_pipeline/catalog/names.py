"""Names of datasets: each is the name of a file, the key of a partition and the name of a folder at once.

Belongs here: what may be one. Does not belong here: which there are (`folder`).
"""

from urllib.parse import urlsplit

from synth_pipeline.catalog.errors import CatalogError

# Folders beside the workspaces, so no workspace may be called so.
RESERVED_NAMES = frozenset({"datasets", "inbox", "published", "sources"})
_ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".csv", ".tsv", ".parquet", ".pq")


def check_name(name: str) -> None:
    """Raise `CatalogError` unless the name can be a partition key and a folder."""
    if name in RESERVED_NAMES or safe_name(name) != name:
        raise CatalogError(
            f"dataset {name!r}: expected a name of a-z, 0-9, '_' and '-' that begins with a letter or digit and is "
            f"none of {', '.join(sorted(RESERVED_NAMES))}; {safe_name(name)!r} would do"
        )


def safe_name(text: str) -> str:
    """The nearest text that can be the name of a dataset.

    >>> safe_name("Bank Marketing (2024)")
    'bank_marketing_2024'
    >>> safe_name("datasets")
    'datasets_'
    """
    kept = "".join(
        letter if (letter.isascii() and letter.isalnum()) or letter in "_-" else " " for letter in text.lower()
    )
    name = "_".join(kept.split()).lstrip("_-")[:99] or "table"
    return name + "_" if name in RESERVED_NAMES else name


def dataset_name(source: str) -> str:
    """Name of the dataset for a file.

    >>> dataset_name("/data/Bank Marketing.csv.gz")
    'bank_marketing'
    >>> dataset_name("https://example.org/shop.csv?version=2")
    'shop'
    """
    path = urlsplit(source).path if source.lower().startswith(("http://", "https://")) else source
    stem = path.rstrip("/").rsplit("/", 1)[-1]
    while stem.lower().endswith(_ENDINGS):
        stem = stem.rsplit(".", 1)[0]
    return safe_name(stem)
