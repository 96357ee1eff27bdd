"""The options of ``synth dataset``: names, groups and help.

Belongs here: what can be said, and nothing heavy, since help needs it. Does not belong here: what is done with it.
"""

from dataclasses import dataclass
from typing import Annotated

import typer

_COLUMNS, _SUBJECTS = "Columns", "Context"

Table = Annotated[
    str,
    typer.Argument(
        help="File (.csv, .tsv, also with .gz, .bz2, .xz, .zst; .parquet), folder of .parquet files, or a URL.",
        metavar="TABLE",
    ),
]
Root = Annotated[
    str | None,
    typer.Option(
        "--storage",
        help="Folder or URL below which the pipeline keeps everything. "
        "[dim]\\[default: $SYNTH_STORAGE, or where make ui keeps it][/]",
        metavar="ROOT",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(help="Of the dataset. [dim]\\[default: by the name of the table][/]", metavar="NAME"),
]
Copy = Annotated[
    bool | None,
    typer.Option(
        "--copy/--no-copy",
        help="Whether the table is copied to the storage, or read where it is. "
        "[dim]\\[default: copied from this machine to a storage elsewhere][/]",
        metavar="",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a dataset of that name, if there is one.", metavar="")]
PrimaryKey = Annotated[
    str | None,
    typer.Option(
        help="The column that identifies a row. It is not learned; synthetic rows get new keys. "
        "[dim]\\[default: found, if it is plain][/]",
        metavar="COLUMN",
        rich_help_panel=_COLUMNS,
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        help="Name of the dataset of the subjects whose events TABLE holds, such as the customers of orders.",
        metavar="NAME",
        rich_help_panel=_SUBJECTS,
    ),
]
ContextKey = Annotated[
    str | None,
    typer.Option(
        help="The column of TABLE that says whom a row belongs to. Goes without --context as well.",
        metavar="COLUMN",
        rich_help_panel=_SUBJECTS,
    ),
]


@dataclass(frozen=True)
class Wish:
    """What is asked of a dataset that is added.

    Args:
        name: Of the dataset; None takes that of the table.
        copy: Whether the table is copied to the storage; None does so where the storage is elsewhere.
        force: Whether a dataset of that name is replaced.
        primary_key: Column that identifies a row; None looks for one.
        context: Name of the dataset of the subjects.
        context_key: Column that says whom a row belongs to.
    """

    name: Name = None
    copy: Copy = None
    force: Force = False
    primary_key: PrimaryKey = None
    context: Context = None
    context_key: ContextKey = None


def printable(text: str) -> str:
    """The text without what a terminal would take for a command."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
