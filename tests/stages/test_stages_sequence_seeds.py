"""generate with first events given: they come back as they are, at the beginning of their subject; the rest follows."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from synth_engine.domain import GenerateConfig, InputError
from synth_engine.encodings import ValueCounts
from synth_engine.privacy import ValueProtection
from synth_engine.stages import draw_shards, plan_generation
from synth_engine.stages.generating.drawn_lengths import AtLeast
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.tabular.interventions import UNKNOWN
from tests.stages.helpers import fit, refused
from tests.stages.subjects import RELATED, people, tables
from tests.stages.test_stages_generate import make
from tests.stages.test_stages_keys import set_shard_rows

SEEDS = pd.DataFrame(
    {
        "word": ["never there", None, "x", "y"],
        "owner": ["new 3", "new 1", "new 3", "new 3"],
        "size": [1e6, None, 0.25, None],
    }
)


def of(twin: pa.Table, owner: str) -> pd.DataFrame:
    """The events of one subject."""
    frame = twin.to_pandas()
    return frame[frame["owner"] == owner].reset_index(drop=True)


def test_given_events_are_the_first_of_their_subject(related: str, monkeypatch: pytest.MonkeyPatch):
    """In the order in which they are given, in whatever shard the subject is."""
    for size in (1, 65_536):
        set_shard_rows(monkeypatch, size)
        twin = make(related, ctx_data=people(6), seed_data=SEEDS)
        third, first = of(twin, "new 3"), of(twin, "new 1")
        assert third["word"].tolist()[:3] == ["never there", "x", "y"]
        assert third["size"].tolist()[:2] == [1e6, 0.25]
        assert third["size"].isna()[2]
        assert first[["word", "size"]].iloc[0].isna().all()
        assert len(third) in (3, 4)
        assert len(first) in (1, 2, 3, 4)
        assert twin["number"].null_count == twin["day"].null_count == 0, "these were drawn"
        assert all(day.is_monotonic_increasing for _, day in twin.to_pandas().groupby("owner")["day"])


def test_gaps_of_given_events_are_filled(related: str):
    twin = make(related, ctx_data=people(6), seed_data=SEEDS, imputation={"columns": ["size", "word"]})
    assert twin["size"].null_count == twin["word"].null_count == 0
    assert of(twin, "new 3")["size"].tolist()[:2] == [1e6, 0.25]
    assert of(twin, "new 1")["word"][0] in ("x", "y", "z")


def test_subjects_of_the_seeds_come_first_and_new_ones_follow(alone: str):
    seeds = SEEDS.assign(owner=["s9", "ß", "s9", "s9"])
    for sample_size in (None, 2, 30):
        twin = make(alone, seed_data=seeds, sample_size=sample_size)
        owners = list(dict.fromkeys(twin["owner"].to_pylist()))
        assert owners[:2] == ["s9", "ß"]
        assert len(owners) == (sample_size or 2)
    with refused(alone, InputError, r"^sample_size: seed_data has events of 2 subject\(s\), .* found 1; leave it out"):
        make(alone, seed_data=seeds, sample_size=1)


def test_new_numbers_pass_over_given_ones(tmp_path: Any):
    """Keys of subjects, and keys of events."""
    events = tables([3] * 50)[1].assign(owner=np.repeat(np.arange(50), 3), event=np.arange(150, dtype="int16"))
    fit(events, str(tmp_path), max_epochs=0, tgt_primary_key="event", tgt_context_key="owner")
    seeds = pd.DataFrame({"owner": [2, 2, 5, 1], "event": [4, 1, -7, 30_000]})
    twin = make(str(tmp_path), seed_data=seeds, sample_size=7)
    assert list(dict.fromkeys(twin["owner"].to_pylist())) == [2, 5, 1, 3, 4, 6, 7]
    keys = twin["event"].to_pylist()
    assert (keys[:2], keys[3], keys[6]) == ([4, 1], -7, 30_000)
    assert len(set(keys)) == len(keys) == 21


def test_all_events_given_are_the_table_itself(alone: str):
    """Subjects who have more events than may be known keep them; others go on only if theirs are fewer."""
    events = make(alone, sample_size=50).drop(["event"])
    schema = pa.schema([events.schema.field(name) for name in ("owner", "word")])
    long = pa.table({"owner": ["long"] * 40, "word": ["x"] * 40}, schema=schema)
    twin = make(alone, seed_data=pa.concat_tables([events, long], promote_options="default"))
    for owner in events["owner"].unique().to_pylist():
        given = of(events, owner)
        pd.testing.assert_frame_equal(
            of(twin, owner).iloc[: len(given)].drop(columns="event"), given, check_dtype=False
        )
    assert len(of(twin, "long")) == 40
    assert twin["owner"].value_counts().field("counts").to_pandas().nlargest(2).tolist() == [40, 4]


@pytest.mark.parametrize("dates", [["2024-01-05", "2024-01-09"], ["2031-05-01"], ["1900-01-01", None]])
def test_dates_go_on_from_those_that_are_given(related: str, dates: list[Any]):
    """Also from dates that the model may not show."""
    seeds = pd.DataFrame(
        {"owner": np.repeat(people(40)["id"].to_numpy(), len(dates)), "day": pd.to_datetime(dates * 40)}
    )
    twin = make(related, ctx_data=people(40), seed_data=seeds)
    assert twin.num_rows > 40 * len(dates), "some have further events"
    for _, day in twin.to_pandas().groupby("owner")["day"]:
        assert day.iloc[: len(dates)].equals(pd.Series(pd.to_datetime(dates), day.index[: len(dates)], day.dtype))
        assert day.dropna().is_monotonic_increasing


def test_dates_that_are_filled_lie_between_those_that_are_given(related: str):
    days = pd.to_datetime(["2024-01-03", None, "2024-01-04", None] * 40)
    seeds = pd.DataFrame({"owner": np.repeat(people(40)["id"].to_numpy(), 4), "day": days})
    twin = make(related, ctx_data=people(40), seed_data=seeds, imputation={"columns": ["day"]})
    assert twin["day"].null_count == 0
    assert all(day.is_monotonic_increasing for _, day in twin.to_pandas().groupby("owner")["day"])


def test_constraints_hold_beside_given_events(related: str):
    seeds = pd.DataFrame({"owner": ["new 0", "new 1"], "number": [2, 3]})
    wish = [{"type": "range", "column": "number", "low": 2}]
    assert make(related, ctx_data=people(30), seed_data=seeds, constraints=wish).to_pandas()["number"].min() == 2
    with refused(related, InputError, r"^seed_data: 1 row\(s\) break constraints.0, which is about 'number'"):
        make(related, ctx_data=people(30), seed_data=seeds.assign(number=[1, 2]), constraints=wish)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (SEEDS.drop(columns="owner"), "^seed_data: expected a column 'owner', the context key, .* found word, size"),
        (SEEDS.assign(owner="nobody"), r"^seed_data: column 'owner' must refer to rows of ctx_data, found 4 row\(s\)"),
        (SEEDS.assign(owner=[None, *["new 1"] * 3]), "^seed_data: column 'owner' must not have nulls, found 1"),
        (SEEDS.assign(event=1), r"^seed_data: the primary key 'event' must be unique, found 3 value\(s\) again"),
        (SEEDS.assign(kind="a"), "^seed_data: unknown column 'kind'"),
        (SEEDS.assign(number="?"), "^seed_data: column 'number' holds .* values that do not fit its type"),
    ],
)
def test_seeds_that_cannot_be_used(related: str, seeds: pd.DataFrame, message: str):
    with refused(related, InputError, message):
        make(related, ctx_data=people(5), seed_data=seeds)


def test_every_worker_is_given_the_same_events(related: str):
    given: dict[str, Any] = {"ctx_data": people(5), "workspace_dir": related}
    plan = plan_generation(GenerateConfig(random_state=1), seed_data=SEEDS, **given)
    for wrong in (None, SEEDS[::-1]):
        with refused(related, InputError, "^seed_data: expected the table that was planned with"):
            draw_shards(plan, seed_data=wrong, **given)


def test_no_seeds_are_as_none(related: str):
    twin = make(related, ctx_data=people(30), seed_data=SEEDS[:0])
    assert twin.equals(make(related, ctx_data=people(30)))


def test_a_flat_table_with_context_keeps_its_one_event(tmp_path: Any):
    subjects, events = tables([1] * 60)
    fit(events, str(tmp_path), ctx_data=subjects, max_epochs=0, **RELATED)
    seeds = pd.DataFrame({"owner": ["new 2"], "value": [5_000]})
    twin = make(str(tmp_path), ctx_data=people(4), seed_data=seeds)
    assert twin["owner"].to_pylist() == people(4)["id"].tolist()
    assert twin["value"][2].as_py() == 5_000


# --- what it is made of -----------------------------------------------------------------------------------------------


VALUES = [
    pa.array(["a", "b"]),
    pa.array(["a", "b"]).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())),
    pa.uuid().wrap_array(pa.array([b"0" * 16, b"1" * 16], pa.binary(16))),
]


@pytest.mark.parametrize("values", VALUES, ids=lambda values: str(values.type))
def test_rows_among_others(values: pa.Array):
    first, second = values.to_pylist()
    seeds = SeedData(pa.table({"a": values})).among(np.array([3, 0]), 5)
    assert seeds.is_given("a").tolist() == [True, False, False, True, False]
    completed = seeds.completed("a", values.take(pa.array([0, 0, 1, 0, 0])))
    assert completed.to_pylist() == [second, first, second, first, first]
    assert completed.type == values.type


class _Begun:
    """Subjects some of whose length codes are known."""

    def __init__(self, codes: Any) -> None:
        self.index, self._codes = torch.arange(len(codes)), torch.from_numpy(codes)

    def codes(self, k: int) -> Any:
        return self._codes[:, k]


@pytest.mark.parametrize("longest", [4, 900, 30_000])
def test_no_code_of_a_length_is_drawn_that_is_too_short(longest: int):
    """Whatever is allowed, sub-column by sub-column, ends with a length of as many events as are given."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, longest + 1, 5_000)
    counts: ValueCounts = SequenceLengths.summarise(lengths)
    encoding = SequenceLengths.fit(counts, ValueProtection(enabled=True), rng).encoding
    assert encoding is not None
    least = rng.integers(0, longest, 300)
    mask = AtLeast(encoding, least)
    codes = np.full((300, len(encoding.cardinalities)), UNKNOWN)
    for k in range(codes.shape[1]):
        allowed = mask.allowed(k, _Begun(codes))
        assert allowed is not None
        codes[:, k] = [
            rng.choice(np.flatnonzero(row)) for row in np.broadcast_to(allowed.numpy(), (300, allowed.shape[1]))
        ]
    _, longest_drawn = encoding.extent(codes.astype(np.int32)) or (None, None)
    assert longest_drawn is not None
    can = least <= np.max([each for each in longest_drawn.to_pylist() if each is not None])
    assert (longest_drawn.fill_null(-1).to_numpy() >= least)[can].all()
