"""How facts look on an asset's page."""

import base64
import io

import numpy as np
import pyarrow as pa
from PIL import Image

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings import fitter
from synth_engine.privacy import ValueProtection
from synth_pipeline import metadata
from synth_pipeline.charts import loss_curve
from synth_pipeline.fidelity import Fidelity

SCHEMA = "dagster/column_schema"
HISTORY = [
    {
        "epoch": 1.0,
        "is_checkpoint": 1.0,
        "samples": 100.0,
        "trn_loss": 3.0,
        "val_loss": 3.5,
        "total_time": 2.0,
        "learn_rate": 0.1,
    },
    {
        "epoch": 2.0,
        "is_checkpoint": 1.0,
        "samples": 200.0,
        "trn_loss": 2.0,
        "val_loss": 2.5,
        "total_time": 4.0,
        "learn_rate": 0.1,
    },
    {
        "epoch": 2.5,
        "is_checkpoint": 0.0,
        "samples": 250.0,
        "trn_loss": 1.0,
        "val_loss": 2.9,
        "total_time": 5.0,
        "learn_rate": 0.01,
    },
]


def encoding(values, kind, protected=True):
    fitting = fitter(kind)
    return fitting.fit(
        fitting.summarise(values), values.type, ValueProtection(enabled=protected), np.random.default_rng(0)
    )


def records(columns, protected=True):
    def plain(text):
        return text.replace("\u00a0", " ").replace("\u2011", "-")

    table = metadata.column_stats(columns, protected)["encodings"].value
    return {record.data["column"]: {key: plain(text) for key, text in record.data.items()} for record in table.records}


def test_training_shows_the_kept_model():
    shown = metadata.model_store(HISTORY, {"parameters": 7, "outcome": {"reason": "done"}}, "MOSTLY_AI/Small")
    assert shown["best_epoch"] == 2
    assert shown["best_validation_loss"] == 2.5
    assert shown["training_rows_per_second"] == 50
    assert shown["ended_because"] == "done"


def test_training_without_validation_rows_or_without_epochs():
    unvalidated = [row | {"val_loss": None} for row in HISTORY]
    shown = metadata.model_store(unvalidated, {"outcome": {"reason": "done"}}, "x")
    assert "best_validation_loss" not in shown
    assert shown["loss_curve"]
    assert metadata.model_store([], {"outcome": None}, "x")["epochs"] == 0


def test_the_loss_curve_is_a_picture_without_background():
    for n in (1, 3, 200):
        picture = Image.open(io.BytesIO(loss_curve(range(n), [3.0] * n, [float("nan")] * n, 0)))
        assert picture.format == "PNG"
        assert picture.getpixel((0, 0))[3] == 0
    text = metadata.markdown_picture(b"abc", "title").value
    assert base64.b64decode(text.split("base64,")[1].rstrip(")")) == b"abc"


def test_the_encodings_table():
    columns = {
        "town": encoding(pa.array(["Wien"] * 50 + ["Linz"] * 50 + ["Ort"]), ModelEncodingType.TABULAR_CATEGORICAL),
        "age": encoding(pa.array(range(100)), ModelEncodingType.TABULAR_NUMERIC_BINNED),
        "day": encoding(
            pa.array(range(0, 30000, 100), pa.int32()).cast(pa.date32()), ModelEncodingType.TABULAR_DATETIME
        ),
    }
    found = records(columns)
    assert found["town"]["kept"] == "2 categories"
    assert found["town"]["rare"] == "left out"
    low, high = (float(bound) for bound in found["age"]["kept"].split(";")[0].split(" to "))
    assert 0 < low < high < 99
    assert "1970-01-01" < found["day"]["kept"][:10] < "1980"
    told = {column.name: column.description for column in metadata.column_stats(columns, True)[SCHEMA].columns}
    assert told["town"] == "CATEGORICAL; 2 categories; rare values left out"


def test_texts_in_the_encodings_table():
    places = [f"{48 + n % 40 / 100:.3f},{16 + n % 37 / 100:.3f}" for n in range(500)]
    columns = {
        "code": encoding(pa.array([f"A-{n}" for n in range(100, 300)]), ModelEncodingType.TABULAR_CHARACTER),
        "name": encoding(pa.array([f"{n * 123_456_789 % 10**12:012}" for n in range(1_000)]), ModelEncodingType.AUTO),
        "first": encoding(pa.array(["Ann", "Zoe"] * 50 + [f"A-{n}" for n in range(100, 300)]), ModelEncodingType.AUTO),
        "place": encoding(pa.array([*places, "0,0"]), ModelEncodingType.TABULAR_LAT_LONG),
    }
    found = records(columns)
    assert found["code"]["kept"] == "5 positions"
    assert found["code"]["rare"] == "spelled"
    assert found["first"]["kept"] == "2 atoms, 5 positions"
    assert found["name"]["encoding"] == "CHARACTER"
    assert found["name"]["cardinalities"] == "12 sub-columns, 148 codes"
    assert found["place"]["kept"].endswith(" cells")
    assert found["place"]["rare"] == "left out"


def test_unprotected_ranges_are_not_shown():
    column = encoding(pa.array([1234567.0, *range(100)]), ModelEncodingType.TABULAR_NUMERIC_BINNED, protected=False)
    shown = metadata.column_stats({"income": column}, protected=False)
    assert "1234567" not in str(shown).replace(",", "")
    assert records({"income": column}, protected=False)["income"]["rare"] == "kept"


def test_no_columns_make_an_empty_table():
    assert metadata.column_stats({}, protected=True)["encodings"].value.records == []


def test_cells_cannot_break_the_table():
    text = metadata.markdown_table(pa.table({"a|b": ["x|y\nz", None, "w" * 100], "n": [1.5, None, 1e9]}))
    lines = text.split("\n")
    assert len(lines) == 5
    assert lines[2] == "| x\\|y z | 1.5 |"
    assert lines[3] == "|  |  |"
    assert len(lines[4]) < 80


def test_quality_puts_the_worst_column_first():
    figures = Fidelity(
        univariate={"synthetic": 0.9, "ceiling": 0.95},
        bivariate=None,
        columns={"good": {"synthetic": 0.9, "ceiling": 0.9}, "bad": {"synthetic": 0.5, "ceiling": 0.9}},
        left_out=["name"],
        compared_rows=10,
        validation_rows=5,
    )
    shown = metadata.quality(figures)
    text = shown["accuracy_by_column"].value
    assert text.index("bad") < text.index("good")
    assert "name" in text
    assert "bivariate_accuracy" not in shown
    assert "not measured" in metadata.quality(None)["quality"]
