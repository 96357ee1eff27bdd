"""The options about synthetic rows: how many, how they are drawn, and what is wanted of them."""

from typing import Annotated

import typer

_ROWS, _WISHES = "Synthetic rows", "Wishes"

SampleSize = Annotated[
    int | None,
    typer.Option(
        "--sample-size",
        "-n",
        help="How many; of sequences, how many subjects. [dim]\\[default: as many as the original][/]",
        metavar="NUMBER",
        rich_help_panel=_ROWS,
    ),
]
Temperature = Annotated[
    float,
    typer.Option(
        "--temperature",
        help="Below 1 likely values become likelier, at 0 there are no others.",
        metavar="NUMBER",
        rich_help_panel=_ROWS,
    ),
]
TopP = Annotated[
    float,
    typer.Option(
        help="Draw only from the likeliest values that together have this probability.",
        metavar="SHARE",
        rich_help_panel=_ROWS,
    ),
]
RareMethod = Annotated[
    str,
    typer.Option(
        "--rare",
        help="Rare categories become _RARE_ (CONSTANT) or other ones (SAMPLE).",
        metavar="METHOD",
        rich_help_panel=_ROWS,
    ),
]
DrawBatch = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        help="Rows drawn at a time, which bounds the memory. [dim]\\[default: chosen][/]",
        metavar="ROWS",
        rich_help_panel=_ROWS,
    ),
]

Subjects = Annotated[
    str | None,
    typer.Option(
        "--context",
        help="Table of the subjects whose events are to be made: synthetic ones, unless it is real people's events "
        "that are wanted. Needed where the model has learned from a context.",
        metavar="TABLE",
        rich_help_panel=_ROWS,
    ),
]
SeedData = Annotated[
    str | None,
    typer.Option(
        "--seed-data",
        help="Table of columns that are given, one row for every row to come; a file like any table. They come back as "
        "they are, and the other columns are drawn to fit.",
        metavar="TABLE",
        rich_help_panel=_WISHES,
    ),
]
Rebalance = Annotated[
    list[str] | None,
    typer.Option(
        help="Share that a category of a column is to have, such as sex=Female:0.5; may be repeated for more "
        "categories of the same column.",
        metavar="COLUMN=VALUE:SHARE",
        rich_help_panel=_WISHES,
    ),
]
Impute = Annotated[
    list[str] | None,
    typer.Option(
        help="A column in which no value is to be missing; may be repeated. Gaps of seed data are filled there.",
        metavar="COLUMN",
        rich_help_panel=_WISHES,
    ),
]
Fair = Annotated[
    str | None,
    typer.Option(
        help="A column that is to be distributed alike whatever the --sensitive columns are.",
        metavar="COLUMN",
        rich_help_panel=_WISHES,
    ),
]
Sensitive = Annotated[
    list[str] | None,
    typer.Option(help="A column that --fair goes by; may be repeated.", metavar="COLUMN", rich_help_panel=_WISHES),
]
