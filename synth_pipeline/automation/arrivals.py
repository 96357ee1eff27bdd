"""Which datasets are to be made because of what arrived: the decision, as a function of facts.

A source is looked at by what costs nothing, its size and time, and read only when these have changed and then stood
still from one tick to the next. A run is requested when the content differs from that of the last request, when
settings do, or when the synthetic data of a parent does. A child waits until everything that its ancestors are about to
do has been done.

Belongs here: the decision, and what is remembered from tick to tick. Does not belong here: looking at files (`sights`),
asking Dagster (`sensors`), new files in the inbox (`inbox`).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from synth_pipeline.automation.reports import Report

SYNTHESIZE, PREPARE, MEASURE_DRIFT = "synthesize", "prepare", "measure_drift"
MAX_REQUESTS = 100


@dataclass(frozen=True)
class Sight:
    """A source at one moment.

    Args:
        identity: Differs whenever the source may have changed; tells nothing of it else.
        size: In bytes.
        is_whole: Not so where something in it says that it is still being written.
        is_content: Whether equal content has an equal identity, as the tags of object stores.
    """

    identity: str
    size: int
    is_whole: bool = True
    is_content: bool = False


@dataclass(frozen=True)
class Dataset:
    """What is known of a dataset whose changes start runs.

    Args:
        settings: Token of everything in its file that its results depend on.
        source: Of the dataset, for messages.
        parent: Name of the dataset that has to be made before.
    """

    settings: str
    source: str
    parent: str | None = None


@dataclass(frozen=True)
class Memory:
    """What is remembered of a dataset. Empty texts stand for nothing.

    Args:
        seen: Identity of the source at the last tick.
        settled: Identity of the source when its content was last looked into.
        found: Token of the content that was found then.
        content: Token of the content that a run was last requested for.
        settings: Token of the settings that a run was last requested for.
        twin: Version of the parent's synthetic data that a run was last requested for.
        requests: How many there were.
    """

    seen: str = ""
    settled: str = ""
    found: str = ""
    content: str = ""
    settings: str = ""
    twin: str = ""
    requests: int = 0

    def run_key(self, dataset: str) -> str:
        """Name of the request that this is the memory of: the same however often it is made, never that of another."""
        return ":".join([dataset, str(self.requests), self.content, self.settings, self.twin])

    @classmethod
    def of_run_key(cls, run_key: str) -> "tuple[str, Memory] | None":
        """What can be told from the key of the last run, where memory was lost; None for a key of something else."""
        parts = run_key.split(":")
        if len(parts) != 5 or not parts[1].isdecimal():
            return None
        return parts[0], cls(requests=int(parts[1]), content=parts[2], settings=parts[3], twin=parts[4])


@dataclass(frozen=True)
class Twin:
    """What children need to know of the dataset before them.

    Args:
        version: Of its synthetic data; None where there is none.
        waits_for: What has to happen before children may go on; empty where nothing has to.
    """

    version: str | None
    waits_for: str = ""


@dataclass(frozen=True)
class Facts:
    """What is the case at a tick, by dataset.

    Args:
        sights: Sources; None for one that is not there. One that could not be looked at is left out.
        contents: Tokens of the contents of sources, of those that `to_read` names, as far as they could be read.
        twins: Of all datasets that are parents.
        trained: Datasets whose changed sources are to be measured first: they say so, and there is a model.
    """

    sights: Mapping[str, Sight | None] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)
    twins: Mapping[str, Twin] = field(default_factory=dict)
    trained: Collection[str] = ()


@dataclass(frozen=True)
class Request:
    """A run to be requested."""

    dataset: str
    job: str
    run_key: str
    content: str
    reason: str


@dataclass(frozen=True)
class Decision:
    """What a tick comes to."""

    requests: list[Request]
    memories: dict[str, Memory]
    reports: list[Report]


def to_read(datasets: Collection[str], sights: Mapping[str, Sight | None], memories: Mapping[str, Memory]) -> list[str]:
    """Datasets whose sources may have changed, and have stood still since the last tick."""
    found = []
    for name in sorted(datasets):
        sight, memory = sights.get(name), memories.get(name, Memory())
        if sight and sight.is_whole and sight.size and sight.identity == memory.seen != memory.settled:
            found.append(name)
    return found


def decide(
    datasets: Mapping[str, Dataset],
    facts: Facts,
    memories: Mapping[str, Memory],
    *,
    separate: bool = False,
    limit: int = MAX_REQUESTS,
) -> Decision:
    """What to request now.

    Guarantees: whatever the order of events, every content that a source stands still with is requested once, until
    another one has taken its place; so are settings, and versions of a parent's synthetic data.

    Args:
        datasets: Those that can be made and whose changes start runs.
        facts: What is the case.
        memories: Of the last tick. That of a dataset which is gone, or cannot be made at present, is kept.
        separate: Whether models and rows are made by other runs than all before them.
        limit: Of requests at once. What is above it waits for the next tick.
    """
    looks = {name: _look(name, facts, memories.get(name, Memory())) for name in datasets}
    reasons = {name: _reasons(dataset, looks[name], facts) for name, dataset in datasets.items()}
    after = dict(memories) | {name: look.memory for name, look in looks.items()}
    requests: list[Request] = []
    reports = [report for name in datasets for report in _reports(name, datasets[name], looks[name], memories)]
    for name in sorted(datasets):
        if not reasons[name]:
            continue
        if obstacle := next(_obstacles(name, datasets, looks, reasons, facts), None):
            reports.append(Report(f"{name}: waits, because {obstacle}", is_problem=False))
        elif len(requests) < limit:
            after[name] = _requested(datasets[name], looks[name], facts)
            job = _job(name, reasons[name], facts, separate=separate)
            key = after[name].run_key(name)
            requests.append(Request(name, job, key, after[name].content, "; ".join(reasons[name])))
    return Decision(requests, after, reports)


@dataclass(frozen=True)
class _Look:
    """A dataset's source as this tick sees it.

    Args:
        memory: With what was seen now.
        content: Token of what it holds; None where that is not known at present.
        is_gone: Whether it is not there.
        is_empty: Whether it has stood still without content.
    """

    memory: Memory
    content: str | None
    is_gone: bool = False
    is_empty: bool = False


def _look(name: str, facts: Facts, memory: Memory) -> _Look:
    if name not in facts.sights:  # it could not be looked at: as if this tick had not been
        return _Look(memory, None)
    sight = facts.sights[name]
    if sight is None:
        return _Look(replace(memory, seen=""), None, is_gone=True)
    seen = replace(memory, seen=sight.identity)
    if not sight.is_whole or not sight.size:
        return _Look(seen, None, is_empty=not sight.size and sight.identity == memory.seen)
    if sight.identity == memory.settled:
        return _Look(seen, memory.found)
    content = facts.contents.get(name) if sight.identity == memory.seen else None
    if content is None:
        return _Look(seen, None)
    return _Look(replace(seen, settled=sight.identity, found=content), content)


def _reasons(dataset: Dataset, look: _Look, facts: Facts) -> list[str]:
    """Why a run is wanted; none while the source is not there, or still being written."""
    memory, content = look.memory, look.content
    if content is None:
        return []
    if not memory.requests:
        return ["its source is new"]
    reasons = []
    if content != memory.content:
        reasons.append("its source changed")
    if dataset.settings != memory.settings:
        reasons.append("its settings changed")
    version = _version(dataset, facts)
    if version and version != memory.twin:
        reasons.append(f"the synthetic data of {dataset.parent} changed")
    return reasons


def _version(dataset: Dataset, facts: Facts) -> str:
    twin = facts.twins.get(dataset.parent) if dataset.parent else None
    return (twin.version or "") if twin else ""


def _obstacles(
    name: str,
    datasets: Mapping[str, Dataset],
    looks: Mapping[str, _Look],
    reasons: Mapping[str, list[str]],
    facts: Facts,
) -> Iterator[str]:
    """Why a dataset has to wait, nearest first."""
    parent = datasets[name].parent
    if parent is not None:
        twin = facts.twins.get(parent)
        if twin is None or twin.version is None:
            waits_for = f", {twin.waits_for}" if twin and twin.waits_for else ""
            yield f"there is no synthetic data of {parent} yet{waits_for}"
    while parent is not None:
        if parent in datasets:
            look = looks[parent]
            if reasons[parent]:
                yield f"{parent} is about to be made"
            elif look.content is None and not look.is_gone:
                yield f"the source of {parent} is being written, or cannot be read"
        if parent in facts.twins and facts.twins[parent].waits_for:
            yield facts.twins[parent].waits_for
        parent = datasets[parent].parent if parent in datasets else None


def _requested(dataset: Dataset, look: _Look, facts: Facts) -> Memory:
    memory, twin = look.memory, _version(dataset, facts)
    return replace(memory, content=memory.found, settings=dataset.settings, twin=twin, requests=memory.requests + 1)


def _job(name: str, reasons: Collection[str], facts: Facts, *, separate: bool) -> str:
    """Only what begins with the source can be measured first, or be gone on with by the version of its codes."""
    if set(reasons) <= {"its source changed", "its source is new"}:
        if name in facts.trained:
            return MEASURE_DRIFT
        return PREPARE if separate else SYNTHESIZE
    return SYNTHESIZE


def _reports(name: str, dataset: Dataset, look: _Look, memories: Mapping[str, Memory]) -> Iterator[Report]:
    if look.is_gone:
        kept = "what was made of it stays" if memories.get(name, Memory()).requests else "its run waits for it"
        yield Report(f"{name}: its source {dataset.source} is not there; {kept}")
    if look.is_empty:
        yield Report(f"{name}: its source {dataset.source} is empty; its run waits until something is written")
