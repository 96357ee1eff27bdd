"""Distributions for pictures: what is told of real rows, and that any column can be drawn."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from synth_engine.privacy import MINIMUM_ENTITIES
from synth_pipeline import metadata
from synth_pipeline.charts import distribution_grid, loss_curve, private_curve
from synth_pipeline.distributions import MAX_COLUMNS, measure_distributions

SIZE = 400


def columns(seed: int, size: int = SIZE) -> dict[str, pa.Array]:
    rng = np.random.default_rng(seed)
    texts = rng.choice(["klein", "größer $x_1$", "名前", "_RARE_", "a very long category name"], size)
    return {
        "whole": pa.array(rng.integers(0, 90, size)),
        "few": pa.array(rng.integers(0, 4, size), pa.int8()),
        "constant": pa.array([7.0] * size),
        "amount": pa.array(rng.lognormal(10, 2, size)),
        "infinite": pa.array([float("inf"), float("nan")] * (size // 2) + [1.0] * (size % 2)),
        "texts | 😀 $a$": pa.array(texts),
        "dictionary": pa.array(texts).dictionary_encode(),
        "flag": pa.array(rng.random(size) < 0.3),
        "day": pa.array(rng.integers(-30_000, 20_000, size).astype(np.int32)).cast(pa.date32()),
        "moment": pa.array(rng.integers(0, 2 * 10**9, size)).cast(pa.timestamp("s", "UTC")),
        "time": pa.array(rng.integers(0, 86_400, size).astype(np.int32)).cast(pa.time32("s")),
        "duration": pa.array(rng.integers(0, 10**6, size)).cast(pa.duration("ms")),
        "nulls": pa.nulls(size),
        "no text": pa.nulls(size, pa.string()),
        "free text": pa.array([f"text {row}" for row in range(size)]),
        "bytes": pa.array([b"\xff"] * size),
        "lists": pa.array([[1]] * size),
    }


@pytest.mark.parametrize("name", list(columns(0)))
@pytest.mark.parametrize("size", [0, 1, SIZE])
def test_any_column_is_measured_or_left_out_and_can_be_drawn(name: str, size: int):
    synthetic, real = (pa.table({name: columns(seed)[name].slice(0, size)}) for seed in (0, 1))
    found = measure_distributions(synthetic, real, [name])
    if name in {"nulls", "no text", "free text", "bytes", "lists", "infinite"} or size == 0:
        assert len(found) <= (size == 1)
    else:
        assert len(found) == 1
    for each in found:
        assert len(each.labels) == len(each.synthetic) == len(each.real)
        assert len(set(each.labels)) == len(each.labels) or each.is_range
        assert sum(each.synthetic) == pytest.approx(1, abs=0.01) or not any(each.synthetic)
        assert "_RARE_" not in each.labels
    if found:
        picture = Image.open(io.BytesIO(distribution_grid(found)))
        assert picture.width == 900


def test_what_too_few_people_have_is_not_told():
    few = MINIMUM_ENTITIES - 1
    synthetic = pa.table({"x": ["a", "b", "c", "d"] * 10})
    real = pa.table({"x": ["a"] * 60 + ["b"] * 40 + ["c"] * few + ["secret"] * 50})
    [found] = measure_distributions(synthetic, real, ["x"])
    assert dict(zip(found.labels, found.real, strict=True)) == {"a": 0.6, "b": 0.4, "c": None, "d": None}
    assert "secret" not in found.model_dump_json()


def test_people_are_counted_not_rows():
    synthetic = pa.table({"x": ["a", "b"] * 10})
    one_person = pa.table({"x": ["a"] * 100 + ["b"] * 100, "who": [0] * 100 + list(range(1, 101))})
    [found] = measure_distributions(synthetic, one_person, ["x"], entity_key="who")
    assert dict(zip(found.labels, found.real, strict=True)) == {"a": None, "b": 1.0}


def test_ranges_come_from_synthetic_rows_alone():
    synthetic = pa.table({"x": np.random.default_rng(0).normal(size=500)})
    [one] = measure_distributions(synthetic, pa.table({"x": [1e9] * 500}), ["x"])
    [other] = measure_distributions(synthetic, pa.table({"x": [0.0] * 500}), ["x"])
    assert (one.labels, one.synthetic) == (other.labels, other.synthetic)
    assert set(one.real) == {None}


def test_whole_numbers_are_divided_evenly():
    synthetic = pa.table({"x": list(range(17, 91)) * 20})
    [found] = measure_distributions(synthetic, None, ["x"])
    assert len(set(found.synthetic[:-2])) == 1


def test_with_differential_privacy_nothing_real_is_shown_and_why_is_said():
    synthetic = pa.table({"x": [1, 2, 3] * 20})
    found = measure_distributions(synthetic, None, ["x"])
    assert found[0].real is None
    told = metadata.distributions(found, private=True)["distributions"].value
    assert told.startswith("![distributions of columns](data:image/png;base64,")
    assert "differential privacy" in told
    assert "×" in metadata.distributions(found, private=False)["distributions"].value
    assert metadata.distributions([], private=False) == {}


def test_a_dozen_columns_at_most():
    wide = pa.table({f"{place}": [1, 2] * 20 for place in range(40)})
    assert len(measure_distributions(wide, wide, wide.column_names)) == MAX_COLUMNS


def test_curves_of_short_trainings():
    nan = float("nan")
    for picture in (
        loss_curve([1.0], [2.0], [nan], None, [0.001]),
        loss_curve([1.0, 2.0], [2.0, 1.0], [2.0, 1.5], 1, [nan, nan]),
        private_curve([1.0], [0.5], [0.001]),
        private_curve([1.0, 2.0], [0.5, nan], [0.0, 0.0]),
    ):
        assert Image.open(io.BytesIO(picture)).width == 770
