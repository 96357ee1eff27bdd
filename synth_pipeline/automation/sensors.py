"""The sensor `arrivals`: new and changed files start runs.

Belongs here: gathering facts, and telling Dagster what was decided. Does not belong here: decisions (`arrivals`,
`inbox`).
"""

import os
from collections.abc import Iterable

from dagster import (
    AddDynamicPartitionsRequest,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)
from dagster._core.storage.tags import PARTITION_NAME_TAG, RUN_KEY_TAG, SENSOR_NAME_TAG

from synth_engine.domain import UserError
from synth_engine.workspace import Artefact
from synth_pipeline.automation.arrivals import MAX_REQUESTS, Facts, Memory, Request, Sight, Twin, decide, to_read
from synth_pipeline.automation.contents import Allowance, read_contents
from synth_pipeline.automation.cursor import ArrivalsCursor
from synth_pipeline.automation.inbox import Adoption, Entry, InboxDecision, adopt
from synth_pipeline.automation.known import Known, as_dataset, known_datasets, normal
from synth_pipeline.automation.reports import Report, joined, news
from synth_pipeline.automation.sights import list_inbox, look_at
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.jobs import REQUESTABLE
from synth_pipeline.partitions import DATASET, datasets
from synth_pipeline.resources import Notice, Notifier, Storage

ARRIVALS = "arrivals"
CONTENT_TAG, REASON_TAG, STRATEGY_TAG = "synth/content", "synth/reason", "synth/model_state_strategy"
SEPARATE_VARIABLE = "SYNTH_SEPARATE_RUNS"
_ALLOWANCE = Allowance()
# Newest first, so what is beyond is known from later runs as a rule.
_MAX_RUNS_REMEMBERED = 20_000


@sensor(
    name=ARRIVALS,
    jobs=REQUESTABLE,
    minimum_interval_seconds=10,
    default_status=DefaultSensorStatus.RUNNING,
    description="Tables dropped into the inbox become datasets; new and changed tables and settings start runs.",
)
def arrivals(context: SensorEvaluationContext, storage: Storage, notifier: Notifier) -> SensorResult:
    """One tick. A file counts once it has stood still from one tick to the next."""
    cursor = ArrivalsCursor.read(context.cursor)
    memories = cursor.memories() if cursor else remembered(context.instance)
    known = known_datasets(storage.catalog)
    reports: list[Report] = []
    entries = _list_inbox(storage, reports)
    inbox = _decide_inbox(entries, known, cursor.inbox if cursor else {})
    known = _with_adopted(storage, known, inbox, reports)
    memories |= {each.dataset: Memory(seen=each.entry.sight.identity) for each in inbox.adoptions}
    sights = _sights(known, entries, reports)
    names = to_read(known.watched, sights, memories)
    contents, unread = read_contents(storage, known.watched, names, sights, _ALLOWANCE)
    facts = Facts(sights, contents, _twins(context.instance, storage, known), _trained(storage, known))
    decision = decide(known.watched, facts, memories, separate=separate_runs())
    reports += [Report(str(error)) for error in known.broken.values()]
    reports += [*inbox.reports, *unread, *decision.reports]
    fresh, told = news(reports, cursor.told if cursor else ())
    _tell(context, notifier, fresh)
    return SensorResult(
        run_requests=[_run_request(request) for request in decision.requests],
        skip_reason=None if decision.requests else joined(report.text for report in fresh) or "nothing new",
        cursor=ArrivalsCursor.of(decision.memories, inbox.seen, told).text(),
        dynamic_partitions_requests=missing_partitions(context.instance, known),
    )


def separate_runs() -> bool:
    """Whether models and rows are made by other runs than all before them, as the environment says."""
    return os.environ.get(SEPARATE_VARIABLE, "") not in ("", "0")


def remembered(instance: DagsterInstance) -> dict[str, Memory]:
    """What the runs that were requested tell, where the sensor's own memory was lost."""
    memories: dict[str, Memory] = {}
    for run in instance.get_runs(RunsFilter(tags={SENSOR_NAME_TAG: ARRIVALS}), limit=_MAX_RUNS_REMEMBERED):
        found = Memory.of_run_key(run.tags.get(RUN_KEY_TAG, ""))
        if found is not None:
            memories.setdefault(*found)
    return memories


def _list_inbox(storage: Storage, reports: list[Report]) -> list[Entry]:
    try:
        return list_inbox(storage.inbox)
    except (OSError, ValueError, ImportError) as error:  # the latter two: a URL that nothing can open
        reports.append(Report(f"inbox: cannot be listed: {_words(error)}"))
        return []


def _decide_inbox(entries: list[Entry], known: Known, seen: dict[str, str]) -> InboxDecision:
    places = {name: normal(config.source) for name, config in known.configs.items()}
    taken = places | dict.fromkeys(known.broken, "")
    return adopt(entries, frozenset(places.values()), taken, seen, MAX_REQUESTS)


def _with_adopted(storage: Storage, known: Known, inbox: InboxDecision, reports: list[Report]) -> Known:
    """Write the files of new datasets; those that cannot be written are tried again with the next tick."""
    configs, watched = dict(known.configs), dict(known.watched)
    for adoption in list(inbox.adoptions):
        try:
            configs[adoption.dataset] = _written(storage, adoption)
            watched[adoption.dataset] = as_dataset(configs[adoption.dataset])
        except (UserError, OSError) as error:
            inbox.adoptions.remove(adoption)
            inbox.seen[adoption.entry.name] = adoption.entry.sight.identity
            reports.append(Report(f"inbox: {adoption.entry.name} cannot become a dataset: {_words(error)}"))
    return Known(configs, known.broken, watched)


def _written(storage: Storage, adoption: Adoption) -> DatasetConfig:
    config = DatasetConfig.validated({"source": adoption.entry.source}, adoption.entry.name)
    if storage.catalog.path(adoption.dataset).exists():  # written by somebody else since the tick began
        return storage.catalog.load(adoption.dataset)
    storage.catalog.save(adoption.dataset, config)
    return config


def _sights(known: Known, entries: list[Entry], reports: list[Report]) -> dict[str, Sight | None]:
    """By dataset; those that cannot be looked at are left out."""
    places = {entry.source: entry.sight for entry in entries}
    elsewhere = look_at(dataset.source for dataset in known.watched.values() if dataset.source not in places)
    sights: dict[str, Sight | None] = {}
    for name, dataset in known.watched.items():
        sight = places[dataset.source] if dataset.source in places else elsewhere[dataset.source]
        if isinstance(sight, OSError):
            reports.append(Report(f"{name}: its source {dataset.source} cannot be looked at: {_words(sight)}"))
        else:
            sights[name] = sight
    return sights


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)


def _twins(instance: DagsterInstance, storage: Storage, known: Known) -> dict[str, Twin]:
    return {name: Twin(twin_version(storage, name), waits_for(instance, name)) for name in known.parents}


def twin_version(storage: Storage, dataset: str) -> str | None:
    """Version of a dataset's synthetic data; None where there is none."""
    try:
        return storage.workspace(dataset).manifest(Artefact.SYNTHETIC_DATA).digest[:12]
    except (UserError, OSError):
        return None


def waits_for(instance: DagsterInstance, dataset: str) -> str:
    """What has to happen before children of a dataset may go on, by its latest run; empty where nothing has to."""
    for run in instance.get_runs(RunsFilter(tags={PARTITION_NAME_TAG: dataset}), limit=1):
        if not run.is_finished:
            return f"the run of {dataset} is not over"
        if run.status is not DagsterRunStatus.SUCCESS:
            return f"the latest run of {dataset} did not succeed; mend what it says, or run it again"
    return ""


def _trained(storage: Storage, known: Known) -> set[str]:
    """Datasets whose changes are to be measured first, with a model to measure by."""
    names = [name for name in known.watched if known.configs[name].drift is not None]
    return {name for name in names if storage.workspace(name).has(Artefact.MODEL_DATA)}


def _run_request(request: Request) -> RunRequest:
    return RunRequest(
        run_key=request.run_key,
        job_name=request.job,
        partition_key=request.dataset,
        tags={CONTENT_TAG: request.content, REASON_TAG: request.reason},
    )


def missing_partitions(instance: DagsterInstance, known: Known) -> list[AddDynamicPartitionsRequest]:
    """Those of datasets that have none yet."""
    new = sorted(known.configs.keys() - set(instance.get_dynamic_partitions(DATASET)))
    return [datasets.build_add_request(new)] if new else []


def _tell(context: SensorEvaluationContext, notifier: Notifier, fresh: Iterable[Report]) -> None:
    """Problems to operators, all else to the log."""
    problems = [report.text for report in fresh if report.is_problem]
    if others := [report.text for report in fresh if not report.is_problem]:
        context.log.info(joined(others))
    if problems:
        notifier.notify(Notice(title="Some datasets need a look", text=joined(problems)), context.log)
