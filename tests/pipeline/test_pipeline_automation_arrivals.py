"""Laws of the decision which datasets are to be made: whatever happens in whatever order."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_pipeline.automation.arrivals import Dataset, Facts, Memory, Sight, Twin, decide, to_read
from synth_pipeline.automation.cursor import ArrivalsCursor

FAMILY = {"root": None, "child": "root", "grandchild": "child"}
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "write", "begin", "touch", "remove", "settings", "restart", "lose", "tick"]),
        st.sampled_from(list(FAMILY)),
        st.integers(0, 2),
    ),
    max_size=25,
)


class World:
    """Files, runs and the sensor; what was requested, and what should have been."""

    def __init__(self, parents: dict[str, str | None], limit: int = 100, readable: int = 100) -> None:
        self.parents, self.limit, self.readable = parents, limit, readable
        self.files: dict[str, tuple[str, int] | None] = dict.fromkeys(parents)  # content, time
        self.options = dict.fromkeys(parents, "plain")
        self.memories: dict[str, Memory] = {}
        self.keys: list[str] = []
        self.requested: dict[str, list[tuple[str, str]]] = {name: [] for name in parents}
        self.twins: dict[str, str] = {}
        self.clock = 0

    def happen(self, event: str, name: str, number: int) -> None:
        self.clock += 1
        if event == "write":
            self.files[name] = (f"content{number}", self.clock)
        elif event == "begin":
            self.files[name] = ("", self.clock)
        elif event == "remove":
            self.files[name] = None
        elif event == "touch" and self.files[name]:
            self.files[name] = (self.files[name][0], self.clock)
        elif event == "settings":
            self.options[name] = f"settings{number}"
        elif event == "restart":
            text = ArrivalsCursor.of(self.memories, {}, []).text()
            self.memories = ArrivalsCursor.read(text).memories()
        elif event == "lose":
            self.memories = {}
            for key in reversed(self.keys):
                self.memories.setdefault(*Memory.of_run_key(key))
        self.tick()

    def tick(self) -> list[str]:
        """One tick, and all runs that it requests to their ends."""
        datasets = {name: Dataset(self.options[name], name, parent) for name, parent in self.parents.items()}
        sights = {
            name: None if file is None else Sight(str(file[1]), len(file[0])) for name, file in self.files.items()
        }
        read = to_read(datasets, sights, self.memories)[: self.readable]
        contents = {name: self.files[name][0] for name in read}
        twins = {name: Twin(self.twins.get(name)) for name in set(self.parents.values()) - {None}}
        decision = decide(datasets, Facts(sights, contents, twins), self.memories, limit=self.limit)
        self.memories = decision.memories
        for request in decision.requests:
            assert request.run_key not in self.keys, "Dagster would not start this one"
            self.keys.append(request.run_key)
            content = self.files[request.dataset][0]
            assert content == request.content
            above = self.twins.get(self.parents[request.dataset])
            assert self.parents[request.dataset] is None or above is not None, "a child before its parent"
            self.requested[request.dataset].append((content, self.options[request.dataset], above))
            self.twins[request.dataset] = f"twin{hash((content, self.options[request.dataset], above))}"
        return [request.dataset for request in decision.requests]

    def settle(self) -> None:
        for _ in range(30):
            self.tick()
        assert self.tick() == []


@settings(max_examples=150)
@given(EVENTS, st.sampled_from([1, 100]), st.sampled_from([1, 100]))
def test_every_content_is_requested_once(events, limit, readable):
    world = World(FAMILY, limit, readable)
    for event in events:
        world.happen(*event)
    world.settle()
    for name, file in world.files.items():
        if file is not None and not file[0]:  # a child waits until whoever writes its parent's source has ended
            world.happen("write", name, 0)
    world.settle()
    for name, made in world.requested.items():
        assert all(one != other for one, other in itertools.pairwise(made)), "requested without a change"
        file, parent = world.files[name], world.parents[name]
        if file is not None and (parent is None or parent in world.twins):
            assert made[-1] == (file[0], world.options[name], world.twins.get(parent)), "the last state was not made"


@settings(max_examples=60)
@given(EVENTS)
def test_losing_the_memory_asks_for_nothing(events):
    world = World(FAMILY)
    for event in events:
        world.happen(*event)
    world.settle()
    before = len(world.keys)
    world.happen("lose", "root", 0)
    world.settle()
    assert len(world.keys) == before


def test_a_file_that_is_being_written_waits():
    world = World({"a": None})
    for number in range(4):  # grows from tick to tick
        world.happen("write", "a", number)
        assert world.keys == []
    assert world.tick() == ["a"]
    assert world.tick() == []


def test_a_touched_file_is_read_once_and_starts_nothing():
    world = World({"a": None})
    world.happen("write", "a", 1)
    world.settle()
    world.happen("touch", "a", 0)
    sights = {"a": Sight(str(world.clock), 8)}
    assert to_read(["a"], sights, world.memories) == ["a"]
    assert world.tick() == []
    assert to_read(["a"], sights, world.memories) == []


def test_content_that_returns_is_made_again():
    world = World({"a": None})
    for number in (1, 2, 1):
        world.happen("write", "a", number)
        world.settle()
    assert [content for content, *_ in world.requested["a"]] == ["content1", "content2", "content1"]


def test_a_source_that_comes_back_unchanged_starts_nothing():
    world = World({"a": None})
    world.happen("write", "a", 1)
    world.settle()
    world.happen("remove", "a", 0)
    world.settle()
    world.happen("write", "a", 1)
    world.settle()
    assert len(world.keys) == 1


def test_a_family_that_arrives_at_once_is_made_in_order_and_once():
    world = World(FAMILY)
    for name in ("grandchild", "child", "root"):
        world.files[name] = ("content1", 1)
    order = [name for _ in range(10) for name in world.tick()]
    assert order == ["root", "child", "grandchild"]
    for name in FAMILY:
        world.files[name] = ("content2", 2)
    assert [name for _ in range(10) for name in world.tick()] == ["root", "child", "grandchild"]


def test_a_child_waits_for_the_run_of_its_parent():
    datasets = {"root": Dataset("s", "r"), "child": Dataset("s", "c", "root")}
    sights = {name: Sight("1", 8) for name in datasets}
    memories = {
        "root": Memory("1", "1", "x", "x", "s", "", 1),
        "child": Memory("1", "1", "x", "x", "s", "old", 1),
    }
    busy = Facts(sights, {}, {"root": Twin("new", "the run of root is not over")})
    waiting = decide(datasets, busy, memories)
    assert waiting.requests == []
    assert [report.text for report in waiting.reports] == ["child: waits, because the run of root is not over"]
    [request] = decide(datasets, Facts(sights, {}, {"root": Twin("new")}), memories).requests
    assert request.dataset == "child"
    assert request.reason == "the synthetic data of root changed"


@pytest.mark.parametrize(
    ("change", "separate", "trained", "job"),
    [
        ({}, False, False, "synthesize"),
        ({}, True, False, "prepare"),
        ({}, False, True, "measure_drift"),
        ({}, True, True, "measure_drift"),
        ({"settings": "old"}, True, True, "synthesize"),
    ],
)
def test_the_job_follows_from_the_reasons(change, separate, trained, job):
    memory = replace(Memory("2", "1", "old", "old", "s", "", 1), **change)
    facts = Facts({"a": Sight("2", 8)}, {"a": "new"}, trained={"a"} if trained else ())
    [request] = decide({"a": Dataset("s", "a")}, facts, {"a": memory}, separate=separate).requests
    assert request.job == job


def test_what_cannot_be_looked_at_is_as_if_the_tick_had_not_been():
    memory = Memory("1", "1", "x", "x", "s", "", 1)
    assert decide({"a": Dataset("s", "a")}, Facts(), {"a": memory}).memories == {"a": memory}


def test_missing_and_empty_sources_are_reported():
    datasets = {"gone": Dataset("s", "/g.csv"), "empty": Dataset("s", "/e.csv")}
    facts = Facts({"gone": None, "empty": Sight("1", 0)})
    said = [report.text for report in decide(datasets, facts, {"empty": Memory(seen="1")}).reports]
    assert said == [
        "gone: its source /g.csv is not there; its run waits for it",
        "empty: its source /e.csv is empty; its run waits until something is written",
    ]


@pytest.mark.parametrize("text", [None, "", "{}x", "[]", '{"version": 2}', '{"version": 1, "datasets": {"a": [1]}}'])
def test_a_cursor_that_cannot_be_read_is_none(text):
    assert ArrivalsCursor.read(text) is None


def test_the_cursor_of_ten_thousand_datasets_is_small():
    memory = Memory("a" * 12, "a" * 12, "b" * 12, "b" * 12, "c" * 12, "d" * 12, 12)
    text = ArrivalsCursor.of({f"a_rather_long_name_of_a_table_{n:05}": memory for n in range(10_000)}, {}, []).text()
    assert len(text) < 1_400_000
    assert len(ArrivalsCursor.read(text).memories()) == 10_000


def test_keys_of_other_runs_are_none():
    assert Memory.of_run_key("") is None
    assert Memory.of_run_key("a:b:c:d:e") is None
    memory = Memory(content="x", settings="s", requests=3)
    assert Memory.of_run_key(memory.run_key("shop")) == ("shop", memory)
