"""``python -m synth_pipeline.demo``: tables to their synthetic twins, by the pipeline's own job, without a browser.

Belongs here: what is needed to run the job once from the terminal. Does not belong here: anything that a run started in
the browser needs as well.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagster import DagsterExecutionInterruptedError, DagsterInstance, ExecuteInProcessResult
from rich.console import Console

from synth_engine.demo import make_shop
from synth_engine.domain import ProgressCallback, UserError, without_secrets
from synth_engine.terminal import TerminalProgress
from synth_pipeline.catalog import DatasetConfig, dataset_name
from synth_pipeline.definitions import build_definitions
from synth_pipeline.example import print_example
from synth_pipeline.partitions import register
from synth_pipeline.places import usual_home
from synth_pipeline.resources import Listener, Storage
from synth_pipeline.sources import fingerprint
from synth_pipeline.summary import Shown, print_summary

# The demo's datasets, parents first. Names are spelled, which takes two thirds of the customers' training; after so
# many epochs little gets better.
DEMO: dict[str, dict[str, Any]] = {
    "customers": {"primary_key": "customer_id", "train": {"max_epochs": 8}},
    "orders": {
        "primary_key": "order_id",
        "context": "customers",
        "context_key": "customer_id",
        "train": {"max_epochs": 6},
    },
}
DEMO_ROWS = 10_000
_EXIT_USER_ERROR = 2
_EXIT_INTERRUPTED = 130


class DemoListener(Listener):
    """Shows progress in the terminal, and keeps what the assets show for the summary."""

    def __init__(self, progress: TerminalProgress) -> None:
        self._progress = progress
        self.results: dict[str, Mapping[str, Any]] = {}

    def started(self, stage: str) -> ProgressCallback | None:
        """Progress goes to the terminal."""
        return self._progress

    def finished(self, stage: str, metadata: Mapping[str, Any]) -> None:
        """Keep the result."""
        self.results[stage] = metadata


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m synth_pipeline.demo", description="Make the synthetic twin of a table, or of a shop's two."
    )
    parser.add_argument("--data", help="a .csv, .csv.gz or .parquet file (default: demo tables made on the spot)")
    parser.add_argument(
        "--rows", type=int, help=f"customers of the demo shop ({DEMO_ROWS:,}), or rows to make of --data (as many)"
    )
    given = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        run_demo(console, given.data, given.rows)
    except UserError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return _EXIT_USER_ERROR
    except KeyboardInterrupt:
        console.print("Interrupted. Stages that were finished will not be run again.")
        return _EXIT_INTERRUPTED
    return 0


def run_demo(console: Console, data: str | None, rows: int | None) -> None:
    """Register the tables as datasets and run the job on them, on the instance in ``$DAGSTER_HOME``.

    Raises:
        UserError: a table or its settings are not what the pipeline needs, or a run failed; the message says why.
    """
    _set_home()
    storage = Storage()
    names = [_add_table(storage, data, rows)] if data else _add_shop(storage, DEMO_ROWS if rows is None else rows)
    with DagsterInstance.get() as instance:
        results: dict[str, Shown] = {}
        for name in names:
            if results:
                console.line()
            results[name] = _make_twin(console, storage, instance, name)
    for name in names:
        print_example(console, storage, name)
    print_summary(console, storage, results)


def _make_twin(console: Console, storage: Storage, instance: DagsterInstance, name: str) -> Shown:
    """Run the job on a dataset; what its assets show."""
    config = storage.catalog.load(name)
    whose = f" of synthetic {config.context}" if config.context else ""
    console.print(f"[bold]{name}[/]{whose}, from {without_secrets(config.source)}")
    register(instance, name)
    with TerminalProgress(console) as progress:
        listener = DemoListener(progress)
        result = _run_job(instance, storage, listener, name)
    if _was_interrupted(result):
        raise KeyboardInterrupt
    if not result.success:
        raise UserError(_failure(result))
    return listener.results


def _set_home() -> None:
    home = usual_home()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)


def _add_shop(storage: Storage, rows: int) -> list[str]:
    if rows < 0:
        raise UserError(f"--rows: expected zero or more, found {rows}")
    shop = make_shop(rows, seed=0)
    known = storage.catalog.names()
    for name, frame in (("customers", shop.customers), ("orders", shop.orders)):
        path = storage.folder / "sources" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            frame.to_parquet(file, index=False)
        first = {key: value for key, value in DEMO[name].items() if key != "train" or name not in known}
        _save(storage, name, {"source": str(path), **first})
    return list(DEMO)


def _add_table(storage: Storage, data: str, rows: int | None) -> str:
    source = data if "://" in data else str(Path(data).expanduser().resolve())
    name = dataset_name(source)
    fingerprint(source)  # there is no point in a dataset without a table
    _save(storage, name, {"source": source} | ({} if rows is None else {"generate": {"sample_size": rows}}))
    return name


def _save(storage: Storage, name: str, settings: dict[str, Any]) -> None:
    """Write the dataset's YAML file; what somebody has set in it by hand stays."""
    catalog = storage.catalog
    known = catalog.load(name).model_dump(exclude_unset=True) if name in catalog.names() else {}
    catalog.save(name, DatasetConfig.validated(_merged(known, settings), "settings"))


def _merged(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    sections = {key: known.get(key, {}) | value for key, value in new.items() if isinstance(value, dict)}
    return known | new | sections


def _run_job(instance: DagsterInstance, storage: Storage, listener: Listener, name: str) -> ExecuteInProcessResult:
    definitions = build_definitions(storage=storage, listener=listener)
    return definitions.resolve_job_def("synthesize").execute_in_process(
        instance=instance,
        partition_key=name,
        raise_on_error=False,
        # What went wrong is said once, by `_failure`; the whole story is in the browser.
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def _was_interrupted(result: ExecuteInProcessResult) -> bool:
    errors = [event.step_failure_data.error for event in result.get_step_failure_events()]
    return any(error is not None and error.cls_name == DagsterExecutionInterruptedError.__name__ for error in errors)


def _failure(result: ExecuteInProcessResult) -> str:
    whole_story = f"(the whole story: make ui, run {result.run_id})"
    for event in result.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error is not None:
            cause = data.error.cause or data.error
            return f"{event.step_key} failed: {cause.message.strip()} {whole_story}"
    return f"the run failed before its first step {whole_story}"


if __name__ == "__main__":
    sys.exit(main())
