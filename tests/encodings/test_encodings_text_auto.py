"""Which encoding AUTO chooses for text."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.demo import make_shop
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import detect, fitter
from synth_engine.privacy import MINIMUM_ENTITIES, ValueProtection
from tests.encodings.columns import TEXTS, columns, fit

AUTO = fitter(Kind.AUTO)
SHOP = make_shop(1_000, seed=1).customers


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def places(size: int) -> list[str]:
    return [f"{north:.4f},{east:.4f}" for north, east in rng().normal([48.2, 16.4], 0.1, (size, 2))]


def uniform(size: int, form: str) -> list[str]:
    return [form.format(number) for number in rng().permutation(size)]


def letters(size: int, shortest: int, longest: int) -> list[str]:
    lengths = rng().integers(shortest, longest, size, endpoint=True)
    return ["".join(rng(number).choice(list("abc "), length)) for number, length in enumerate(lengths)]


CHOICES = {
    "names": (SHOP["name"].tolist(), Kind.TABULAR_CHARACTER),
    "cities": (SHOP["city"].tolist(), Kind.TABULAR_CATEGORICAL),
    "cities of a small table": (SHOP["city"].tolist()[:600], Kind.TABULAR_CATEGORICAL),
    "locations": (SHOP["location"].tolist(), Kind.TABULAR_LAT_LONG),
    "locations with a few others": ([*places(1_000), *["unknown"] * 40], Kind.TABULAR_LAT_LONG),
    "locations among others": ([*places(500), *["unknown"] * 500], Kind.TABULAR_CATEGORICAL),
    "shops' locations": ([*places(9)] * 100, Kind.TABULAR_CATEGORICAL),
    "numbers with a decimal comma": (uniform(1_000, "{0},50"), Kind.TABULAR_CHARACTER),
    "numbers with a thousands point": (uniform(1_000, "{0}.000,25"), Kind.TABULAR_CHARACTER),
    "codes": (uniform(1_000, "AB-{0:04}"), Kind.TABULAR_CHARACTER),
    "days": ([f"20{n % 100:02}-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(3_000)], Kind.TABULAR_CHARACTER),
    "numbers": (uniform(1_000, "{0}"), Kind.TABULAR_CHARACTER),
    "titles": (letters(1_000, 30, 60), Kind.TABULAR_CHARACTER),
    "digests": (letters(1_000, 64, 64), Kind.TABULAR_CHARACTER),
    "too long for every place": (letters(1_000, 65, 70), Kind.TABULAR_CATEGORICAL),
    "long texts": (letters(300, 200, 200), Kind.TABULAR_CATEGORICAL),
    "long and repeated texts": (["x" * 10_000, "y" * 10_000] * 50, Kind.TABULAR_CATEGORICAL),
    "some long texts": ([*uniform(800, "{0:03}"), *["ab" * length for length in range(200)]], Kind.TABULAR_CATEGORICAL),
    "a fifteenth of them rare": (["a", "b"] * 700 + uniform(100, "v{0}"), Kind.TABULAR_CATEGORICAL),
    "a fifteenth of many rare": (["a", "b"] * 14_000 + uniform(2_000, "v{0}"), Kind.TABULAR_CATEGORICAL),
    "a fifth of many rare": (["a", "b"] * 4_000 + uniform(2_000, "v{0}"), Kind.TABULAR_CHARACTER),
    "a fifth of few rare": (["a", "b"] * 1_600 + uniform(800, "v{0}"), Kind.TABULAR_CATEGORICAL),
    "most of them rare": (["a", "b"] * 200 + uniform(500, "v{0}"), Kind.TABULAR_CHARACTER),
    "too few of them rare to tell": (["a", "b"] * 80 + uniform(31, "v{0}"), Kind.TABULAR_CATEGORICAL),
    "all different everywhere": ([chr(0x4E00 + place) for place in range(1_000)], Kind.TABULAR_CATEGORICAL),
    "too few to tell": (uniform(31, "v{0}"), Kind.TABULAR_CATEGORICAL),
    "too few locations": (places(31), Kind.TABULAR_CATEGORICAL),
    "nothing": ([None] * 100, Kind.TABULAR_CATEGORICAL),
    "no rows": ([], Kind.TABULAR_CATEGORICAL),
    "empty texts": ([""] * 100, Kind.TABULAR_CATEGORICAL),
}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("seed", range(3))
def test_the_choice(name, seed):
    texts, kind = CHOICES[name]
    assert fit(AUTO, pa.array(texts, pa.string()), seed=seed).encoding_type == kind


OPEN = ["names", "cities", "locations", "codes", "shops' locations", "titles", "long texts", "some long texts"]


@pytest.mark.parametrize("name", OPEN)
def test_the_choice_is_the_same_without_protection_and_all_comes_back(name):
    texts, kind = CHOICES[name]
    column = pa.array(texts, pa.string())
    encoding = fit(AUTO, column, enabled=False)
    assert encoding.encoding_type == kind
    assert encoding.decode(encoding.encode(column), rng()).equals(column)


@settings(max_examples=100)
@given(data=st.data(), dtype=st.sampled_from(TEXTS))
def test_without_protection_every_text_comes_back_exactly(data, dtype):
    """Also what is no place among places, of entities with many rows, and whatever is chosen."""
    column = data.draw(columns(dtype))
    some = data.draw(st.lists(st.text(max_size=80) | st.sampled_from(["0.5,0.5", "1,2", "unknown"]), max_size=5))
    column = pa.concat_arrays([column, pa.array([*places(data.draw(st.integers(0, 100))), *some], dtype)])
    entities = np.arange(len(column)) // data.draw(st.sampled_from([1, 7]))
    encoding = AUTO.fit(AUTO.summarise(column, entities), dtype, ValueProtection(enabled=False), rng())
    assert encoding.decode(encoding.encode(column), rng()).to_pylist() == column.to_pylist()


@pytest.mark.parametrize("dtype", [pa.string(), pa.large_string(), pa.string_view()])
def test_auto_of_text_is_auto_and_a_dictionary_holds_categories(dtype):
    assert detect(dtype) == Kind.AUTO
    assert detect(pa.dictionary(pa.int32(), pa.string())) == Kind.TABULAR_CATEGORICAL


def test_one_entity_does_not_decide():
    """Whatever few entities with thousands of rows have, the choice is that of the others."""
    cities = SHOP["city"].tolist()
    column = pa.array(cities + uniform(10_000, "{0}.5,{0}.5") + uniform(10_000, "v{0}"))
    entities = np.array([*range(len(cities)), *rng().integers(10_000, 10_000 + MINIMUM_ENTITIES - 1, 20_000)])
    encoding = AUTO.fit(AUTO.summarise(column, entities), column.type, ValueProtection(), rng())
    assert encoding.encoding_type == Kind.TABULAR_CATEGORICAL
