"""The options: names, groups and help, one type per option, so that commands which share one say it alike."""

from typing import Annotated

import typer

from synth_engine.domain import ModelEncodingType

_COLUMNS, _CONTEXT, _PRIVACY, _TRAINING = "Columns", "Context", "Privacy", "Training"
_TEXTS = "Free text"
_TYPES = [kind.value for kind in ModelEncodingType]

Table = Annotated[
    str,
    typer.Argument(
        help="File (.csv, .tsv, also with .gz, .bz2, .xz, .zst; .parquet), folder of .parquet files, or a URL.",
        metavar="TABLE",
    ),
]

Workspace = Annotated[
    str, typer.Option("--workspace", "-w", help="Folder or URL (s3://…) where all results go.", metavar="DIR")
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", help="Also write the synthetic rows to this .csv or .parquet file.", metavar="FILE"),
]
ContextOutput = Annotated[
    str | None,
    typer.Option(
        help="Also write the synthetic subjects to this .csv or .parquet file.",
        metavar="FILE",
        rich_help_panel=_CONTEXT,
    ),
]
Partitions = Annotated[int, typer.Option(help="Files that the rows are spread over.", metavar="NUMBER")]
Device = Annotated[
    str | None, typer.Option(help="cpu or cuda. [dim]\\[default: a GPU if there is one][/]", metavar="NAME")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.", metavar="")]
Seed = Annotated[
    int | None,
    typer.Option(
        help="For results that can be repeated. [dim]\\[default: a new one each time][/]",
        metavar="NUMBER",
    ),
]
SplitSeed = Annotated[int, typer.Option("--seed", help="Seed of the shuffle.", metavar="NUMBER")]
RunSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        help="For results that can be repeated, up to the secret randomness of value protection. "
        "[dim]\\[default: a new one each time][/]",
        metavar="NUMBER",
    ),
]
AnalyzeSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        help="For tests only: who knows it can undo the randomness of value protection. [dim]\\[default: secret][/]",
        metavar="NUMBER",
        rich_help_panel=_PRIVACY,
    ),
]

PrimaryKey = Annotated[
    str | None,
    typer.Option(
        help="The column that identifies a row. It is not learned; synthetic rows get new keys.",
        metavar="COLUMN",
        rich_help_panel=_COLUMNS,
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        help="Table of the subjects whose events TABLE holds, such as the customers of orders; a file like TABLE. "
        "synth run makes a twin of both, and the synthetic events belong to synthetic subjects.",
        metavar="TABLE",
        rich_help_panel=_CONTEXT,
    ),
]
ContextPrimaryKey = Annotated[
    str | None,
    typer.Option(help="The column that identifies a row of it.", metavar="COLUMN", rich_help_panel=_CONTEXT),
]
ContextKey = Annotated[
    str | None,
    typer.Option(
        help="The column of TABLE that says whom a row belongs to. Goes without --context as well: subjects that are "
        "nothing but a key.",
        metavar="COLUMN",
        rich_help_panel=_CONTEXT,
    ),
]
ContextEncodings = Annotated[
    list[str] | None,
    typer.Option(
        "--context-encoding",
        help="The same as --encoding, for a column of the context.",
        metavar="COLUMN=TYPE",
        rich_help_panel=_CONTEXT,
    ),
]
Encodings = Annotated[
    list[str] | None,
    typer.Option(
        "--encoding",
        "-e",
        help=f"How to encode a column; may be repeated. [dim]Types: {', '.join(_TYPES)}.[/]",
        metavar="COLUMN=TYPE",
        rich_help_panel=_COLUMNS,
    ),
]

Texts = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        help="A column of free text, to be written by a language model; may be repeated. The other columns are made "
        "by a model of their own first, and the texts are written to fit them.",
        metavar="COLUMN",
        rich_help_panel=_TEXTS,
    ),
]
TextModel = Annotated[
    str | None,
    typer.Option(
        help="The language model: MOSTLY_AI/LSTMFromScratch-3m, or the name or folder of a Hugging Face model. "
        "[dim]\\[default: the former][/]",
        metavar="NAME",
        rich_help_panel=_TEXTS,
    ),
]

FourBit = Annotated[
    bool,
    typer.Option(
        "--four-bit",
        help="Keep the weights of a Hugging Face model with 4 bits each; wants a GPU and bitsandbytes.",
        metavar="",
        rich_help_panel=_TEXTS,
    ),
]

Unprotected = Annotated[
    bool,
    typer.Option(
        "--no-value-protection",
        help="Let rare values and extremes into the synthetic rows, even if they point to a person.",
        metavar="",
        rich_help_panel=_PRIVACY,
    ),
]

Epsilon = Annotated[
    float | None,
    typer.Option(
        "--value-protection-epsilon",
        help="Protect values with differential privacy, at most this much loss for all columns together.",
        metavar="EPSILON",
        rich_help_panel=_PRIVACY,
    ),
]
Delta = Annotated[
    float | None,
    typer.Option(
        "--delta",
        help="Probability that the loss is larger; half is for values, half for training. [dim]\\[default: 1e-5][/]",
        metavar="DELTA",
        rich_help_panel=_PRIVACY,
    ),
]

MaxEpsilon = Annotated[
    float | None,
    typer.Option(
        help="Train with differential privacy, and stop before the loss exceeds this.",
        metavar="EPSILON",
        rich_help_panel=_PRIVACY,
    ),
]
TargetEpsilon = Annotated[
    float | None,
    typer.Option(
        help="Train with differential privacy, with as much noise as makes all epochs cost this.",
        metavar="EPSILON",
        rich_help_panel=_PRIVACY,
    ),
]
NoiseMultiplier = Annotated[
    float | None,
    typer.Option(
        help="Train with differential privacy, with noise so many times as large as a row may count. "
        "[dim]\\[default: 1.5, if trained with it][/]",
        metavar="NUMBER",
        rich_help_panel=_PRIVACY,
    ),
]
MaxGradNorm = Annotated[
    float | None,
    typer.Option(help="How much a row may count. [dim]\\[default: 1][/]", metavar="NUMBER", rich_help_panel=_PRIVACY),
]
Accountant = Annotated[
    str | None,
    typer.Option(
        help="How the loss of training is computed: RDP, or PRV, which is mostly smaller. [dim]\\[default: RDP][/]",
        metavar="NAME",
        rich_help_panel=_PRIVACY,
    ),
]
DatasetEpsilon = Annotated[
    float | None,
    typer.Option(
        help="What all that is ever done in the workspace may add up to; what would overdraw it is refused.",
        metavar="EPSILON",
        rich_help_panel=_PRIVACY,
    ),
]

Share = Annotated[
    float,
    typer.Option(
        "--trn-val-split",
        help="Share of the rows to learn from; the others tell when to stop.",
        metavar="SHARE",
        rich_help_panel=_TRAINING,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        help="MOSTLY_AI/Small, /Medium or /Large. [dim]\\[default: MOSTLY_AI/Medium][/]",
        metavar="NAME",
        rich_help_panel=_TRAINING,
    ),
]
Epochs = Annotated[
    float,
    typer.Option(
        help="At most this many passes over the data; ends earlier when it no longer learns.",
        metavar="NUMBER",
        rich_help_panel=_TRAINING,
    ),
]
Minutes = Annotated[
    float, typer.Option("--max-training-time", help="At most this long.", metavar="MINUTES", rich_help_panel=_TRAINING)
]
TrainBatch = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        help="Rows per training step. [dim]\\[default: by the size of the table][/]",
        metavar="ROWS",
        rich_help_panel=_TRAINING,
    ),
]
Accumulation = Annotated[
    int | None,
    typer.Option(
        "--gradient-accumulation-steps",
        help="Batches per step. [dim]\\[default: 1][/]",
        metavar="NUMBER",
        rich_help_panel=_TRAINING,
    ),
]
Window = Annotated[
    int | None,
    typer.Option(
        "--max-sequence-window",
        help="Rows of a subject that are learned at a time, from anywhere in a longer sequence. "
        "[dim]\\[default: 100][/]",
        metavar="ROWS",
        rich_help_panel=_TRAINING,
    ),
]
Strategy = Annotated[
    str,
    typer.Option(
        "--model-state-strategy",
        help="What of a model that is there is taken up: nothing (RESET), its weights (REUSE), or all, to go on with a "
        "training that was interrupted (RESUME).",
        metavar="STRATEGY",
        rich_help_panel=_TRAINING,
    ),
]
FixedOrder = Annotated[
    bool,
    typer.Option(
        "--no-flexible-generation",
        help="Learn one order of the columns, not all: faster, but rules out conditions on columns.",
        metavar="",
        rich_help_panel=_TRAINING,
    ),
]
