"""What the page of synthetic_data shows: how like the original the rows are, and some of them."""

from collections.abc import Sequence

import pyarrow as pa
from dagster import MetadataValue
from upath import UPath

from synth_engine.privacy import MINIMUM_ENTITIES
from synth_pipeline.distributions import Distribution
from synth_pipeline.fidelity import Fidelity
from synth_pipeline.metadata.common import (
    Metadata,
    cell,
    markdown_picture,
    markdown_table,
    place,
    table_schema,
    without_none,
)

N_PREVIEW_ROWS = 10


def synthetic_data(
    rows: int, preview: pa.Table, folder: UPath, seconds: float | None, figures: Fidelity | None
) -> Metadata:
    """Quality figures, size, schema and a sample of the synthetic table."""
    told = {
        name: f"distribution agrees to {each.synthetic:.3f}, that of real rows to {each.ceiling:.3f}"
        for name, each in (figures.columns.items() if figures else ())
    }
    shown = quality(figures) | {
        "sample": MetadataValue.md(markdown_table(preview.slice(0, N_PREVIEW_ROWS))),
        "files": place(folder),
        "rows_per_second": round(rows / seconds, 1) if seconds else None,
        "dagster/row_count": rows,
        "dagster/column_schema": table_schema(preview.schema, told),
    }
    return without_none(shown)


def quality(figures: Fidelity | None) -> Metadata:
    """Each figure beside its ceiling, and a table of columns with the worst first."""
    if figures is None:
        return {"quality": "not measured: needs synthetic, training and validation rows"}
    shown: Metadata = {}
    for name, accuracy in (("univariate", figures.univariate), ("bivariate", figures.bivariate)):
        if accuracy is not None:
            shown[f"{name}_accuracy"] = round(accuracy.synthetic, 4)
            shown[f"{name}_accuracy_ceiling"] = round(accuracy.ceiling, 4)
    columns = sorted(figures.columns.items(), key=lambda item: item[1].synthetic - item[1].ceiling)
    lines = [f"| {cell(name)} | {each.synthetic:.3f} | {each.ceiling:.3f} |" for name, each in columns]
    left_out = f"\n\nNot compared (nearly all values differ): {', '.join(figures.left_out)}" if figures.left_out else ""
    note = (
        f"Share of rows that agree in distribution with {figures.validation_rows:,} validation rows, for "
        f"{figures.compared_rows:,} synthetic rows and, as the ceiling, as many training rows.\n\n"
    )
    table = "\n".join(["| column | synthetic | ceiling |", "|---|---|---|", *lines])
    return shown | {"accuracy_by_column": MetadataValue.md(note + table + left_out)}


def distributions(found: Sequence[Distribution], private: bool) -> Metadata:
    """Pictures of columns, synthetic beside real, and what of the real side is not told."""
    if not found:
        return {}
    from synth_pipeline.charts import distribution_grid  # drawing takes a second to import

    note = (
        "Synthetic rows only: the real ones are protected by differential privacy, and their exact distributions would "
        "be told outside of its budget."
        if private
        else f"Real rows are those for training. What fewer than {MINIMUM_ENTITIES} people have is not told (×), and "
        "shares are of what is."
    )
    picture = markdown_picture(distribution_grid(found), "distributions of columns")
    return {"distributions": MetadataValue.md(f"{picture.value}\n\n{note}")}
