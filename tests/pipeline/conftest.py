"""What the pipeline's tests share: a storage with one small dataset, and a way to run the job on it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult

from synth_engine.demo import make_shop
from synth_engine.workspace import Workspace
from synth_pipeline.definitions import build_definitions
from synth_pipeline.partitions import register
from synth_pipeline.resources import Listener, Storage

ASSETS = ("original_data", "column_stats", "encoded_data", "model_store", "synthetic_data")
SETTINGS: dict[str, Any] = {
    "source": "../sources/customers.parquet",
    "primary_key": "customer_id",
    "train": {"model": "MOSTLY_AI/Small", "max_epochs": 1},
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tests are small: threads that wait for each other cost more than they give."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Pipeline:
    """The pipeline on a storage of its own, with an instance of its own."""

    root: Path
    instance: DagsterInstance

    @property
    def source(self) -> Path:
        return self.root / "sources" / "customers.parquet"

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root / "customers")

    def configure(self, name: str = "customers", **settings: Any) -> None:
        """Write a dataset's YAML file: the usual settings with these on top."""
        (self.root / "datasets").mkdir(exist_ok=True)
        (self.root / "datasets" / f"{name}.yaml").write_text(yaml.safe_dump(SETTINGS | settings))

    def run(
        self, name: str = "customers", listener: Listener | None = None, tags: dict[str, str] | None = None
    ) -> ExecuteInProcessResult:
        """Run the job for one dataset."""
        register(self.instance, name)
        definitions = build_definitions(
            storage=Storage(root=str(self.root)), **({"listener": listener} if listener else {})
        )
        job = definitions.resolve_job_def("synthesize")
        return job.execute_in_process(instance=self.instance, partition_key=name, raise_on_error=False, tags=tags)

    def shown(self, asset: str) -> dict[str, Any]:
        """Metadata of the latest materialization of an asset."""
        event = self.instance.get_latest_materialization_event(AssetKey(asset))
        assert event is not None
        materialization = event.asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}

    def rebuilt(self) -> list[str]:
        """Assets that the latest run made anew."""
        return [asset for asset in ASSETS if self.shown(asset)["rebuilt"]]

    def digests(self) -> dict[str, str]:
        """Digests of all artefacts, by what the assets show."""
        return {
            name: value for asset in ASSETS for name, value in self.shown(asset).items() if name.startswith("digest")
        }


@pytest.fixture(scope="session")
def finished_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage in which the job ran once."""
    root = tmp_path_factory.mktemp("finished")
    (root / "sources").mkdir()
    with DagsterInstance.ephemeral() as instance:
        pipeline = Pipeline(root, instance)
        make_shop(400, seed=0).customers.to_parquet(pipeline.source, index=False)
        pipeline.configure()
        assert pipeline.run().success
    return root


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """The pipeline on an empty storage."""
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(tmp_path, instance)


@pytest.fixture
def finished(finished_root: Path, tmp_path: Path) -> Iterator[Pipeline]:
    """The pipeline on a copy of a storage in which the job ran before, with an instance that knows nothing of that."""
    root = tmp_path / "storage"
    shutil.copytree(finished_root, root)
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(root, instance)


@pytest.fixture
def failure() -> Callable[[ExecuteInProcessResult], str]:
    """What the failed run says is wrong."""

    def of(result: ExecuteInProcessResult) -> str:
        assert not result.success
        data = result.get_step_failure_events()[0].step_failure_data
        assert data.user_failure_data is not None, data.error
        return data.user_failure_data.description or ""

    return of
