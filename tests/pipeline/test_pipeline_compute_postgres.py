"""The AWS deployment's instance on a real PostgreSQL and a real S3 service, holding all of a full run."""

from collections.abc import Iterator

import boto3
import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster_aws.s3 import S3ComputeLogManager
from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage

from synth_engine.demo import make_shop
from synth_pipeline.compute import RoutingRunLauncher
from tests.pipeline.aws_services import DEPLOYMENT, cluster, object_store
from tests.pipeline.conftest import ASSETS, Pipeline
from tests.pipeline.postgres import Postgres, postgres

__all__ = ["cluster", "object_store", "postgres"]  # fixtures

pytestmark = pytest.mark.slow


@pytest.fixture
def instance(postgres: Postgres, cluster: object, tmp_path, monkeypatch) -> Iterator[DagsterInstance]:
    """The instance, made from the deployment's `dagster.yaml` as it is."""
    boto3.client("s3").create_bucket(Bucket="synth-logs")
    for name, value in postgres.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SYNTH_LOGS_BUCKET", "synth-logs")
    monkeypatch.setenv("SYNTH_RUN_TASK_DEFINITION", "synth-run")
    (tmp_path / "dagster.yaml").write_text((DEPLOYMENT / "dagster.yaml").read_text())
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path))) as instance:
        yield instance


def test_all_of_a_run_is_in_postgres(instance, postgres, tmp_path):
    assert isinstance(instance.run_storage, PostgresRunStorage)
    assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
    assert isinstance(instance.compute_log_manager, S3ComputeLogManager)
    assert isinstance(instance.run_launcher, RoutingRunLauncher)
    pipeline = Pipeline(tmp_path / "storage", instance)
    (pipeline.root / "sources").mkdir(parents=True)
    make_shop(200, seed=0).customers.to_parquet(pipeline.source, index=False)
    pipeline.configure()
    result = pipeline.run()
    assert result.success
    assert postgres.rows(f"select status from runs where run_id = '{result.run_id}'") == [("SUCCESS",)]
    of_run = f"from event_logs where run_id = '{result.run_id}'"
    made = postgres.rows(f"select asset_key {of_run} and dagster_event_type = 'ASSET_MATERIALIZATION'")
    assert {key for (key,) in made} == {f'["{name}"]' for name in ASSETS}
    [(n_events,)] = postgres.rows(f"select count(*) {of_run}")
    assert n_events == len(instance.all_logs(result.run_id)) > 20
    assert postgres.rows("select partition from dynamic_partitions") == [("customers",)]
    assert pipeline.run().success
    assert pipeline.rebuilt() == [], "another run finds what this one made"
    logs = boto3.client("s3").list_objects_v2(Bucket="synth-logs", Prefix="compute-logs")
    assert logs["KeyCount"] > 0


def test_settings_of_the_deployment_are_those_of_the_instance(instance):
    settings = yaml.safe_load((DEPLOYMENT / "dagster.yaml").read_text())
    assert instance.run_retries_max_retries == settings["run_retries"]["max_retries"] > 0
    assert instance.run_retries_retry_on_asset_or_op_failure is False
    assert instance.run_monitoring_enabled
    limits = instance.get_concurrency_config().run_queue_config.tag_concurrency_limits
    assert [limit["key"] for limit in limits] == ["dagster/partition"]
