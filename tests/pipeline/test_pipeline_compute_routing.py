"""The launcher that routes: real instance, real code server, launched as the browser does, against a real ECS API."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher.base import WorkerStatus
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster_graphql.test.utils import execute_dagster_graphql

from benchmarks.pipeline_server import LAUNCH, REPOSITORY, ROOT, until
from synth_engine.demo import make_shop
from synth_pipeline.compute import CLASS_TAG, LAUNCHER_TAG, ComputeError
from tests.pipeline.aws_services import DEPLOYMENT, Cluster, cluster, object_store
from tests.pipeline.conftest import ASSETS, SETTINGS

__all__ = ["cluster", "object_store"]  # fixtures

pytestmark = pytest.mark.slow

TERMINATE = "mutation ($run: String!) { terminateRun(runId: $run) { __typename ... on PythonError { message } } }"


@dataclass
class Deployed:
    """The pipeline with the launcher of the AWS deployment, and what that sent to ECS."""

    instance: DagsterInstance
    workspace: WorkspaceProcessContext
    requests: list[dict[str, Any]]

    def ask(self, query: str, **variables: Any) -> Any:
        result = execute_dagster_graphql(self.workspace.create_request_context(), query, variables)
        assert not result.errors, result.errors
        return result.data

    def launch(self, *assets: str, **tags: str) -> Any:
        """As the browser launches a selection of assets of one partition: tags of jobs are not among what it sends."""
        answer = self.answer(*assets, **tags)
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return self.instance.get_run_by_id(answer["run"]["runId"])

    def answer(self, *assets: str, **tags: str) -> Any:
        all_tags = {"dagster/partition": "customers", **tags}
        chosen = {"pipelineName": "__ASSET_JOB", "assetSelection": [{"path": [name]} for name in assets]}
        return self.ask(
            LAUNCH,
            selector=chosen | {"assetCheckSelection": []} | REPOSITORY,
            tags=[{"key": key, "value": value} for key, value in all_tags.items()],
        )["launchRun"]

    def child(self, name: str) -> Any:
        return self.instance.run_launcher._launchers[name]


@pytest.fixture(scope="module")
def deployed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    home = tmp_path_factory.mktemp("home")
    (home / "storage" / "synth" / "sources").mkdir(parents=True)
    (home / "storage" / "synth" / "datasets").mkdir()
    make_shop(60, seed=0).customers.to_parquet(home / "storage" / "synth" / "sources" / "customers.parquet")
    (home / "storage" / "synth" / "datasets" / "customers.yaml").write_text(yaml.safe_dump(SETTINGS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("SYNTH_COMPUTE", str(DEPLOYMENT / "compute.yaml"))
        patch.setenv("SYNTH_RUN_TASK_DEFINITION", "synth-run")
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.delenv("SYNTH_STORAGE", raising=False)
        launcher = yaml.safe_load((DEPLOYMENT / "dagster.yaml").read_text())["run_launcher"]
        at_once = {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator", "config": {}}
        settings = {"run_launcher": launcher, "run_coordinator": at_once, "telemetry": {"enabled": False}}
        reference = InstanceRef.from_dir(str(home), overrides=settings)
        target = ModuleTarget("synth_pipeline.definitions", None, str(ROOT), "synth")
        with (
            DagsterInstance.from_ref(reference) as instance,
            WorkspaceProcessContext(instance, target) as workspace,
        ):
            instance.add_dynamic_partitions("dataset", ["customers"])
            yield Deployed(instance, workspace, _recorded(instance))
            instance.run_launcher.join(60)


def _recorded(instance: DagsterInstance) -> list[dict[str, Any]]:
    """Bodies of the requests that leave this process to start a task, from now on."""
    requests: list[dict[str, Any]] = []
    events = instance.run_launcher._launchers["ecs"].ecs.meta.events
    events.register("before-send.ecs.RunTask", lambda request, **_: requests.append(json.loads(request.body)))
    return requests


def test_a_run_with_training_becomes_a_gpu_task(deployed, cluster):
    deployed.requests.clear()
    run = deployed.launch(*ASSETS)
    assert run.tags[LAUNCHER_TAG] == "ecs"
    [request] = deployed.requests
    [container] = request["overrides"]["containerOverrides"]
    command = container.pop("command")
    assert command[-3:-1] == ["api", "execute_run"]
    assert json.loads(command[-1])["pipeline_run_id"] == run.run_id
    assert container == {
        "name": "run",
        "cpu": 7168,
        "memory": 28672,
        "resourceRequirements": [{"type": "GPU", "value": "1"}],
    }
    assert request["overrides"]["cpu"] == "7168"
    assert request["overrides"]["memory"] == "28672"
    assert request["capacityProviderStrategy"] == [{"capacityProvider": "synth-gpu", "weight": 1, "base": 0}]
    assert "launchType" not in request  # the services' own, FARGATE, contradicts a capacity provider
    assert request["taskDefinition"].split("/")[-1].startswith("synth-run:")
    assert request["cluster"].split("/")[-1] == cluster.name
    assert request["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == [cluster.subnet]
    tags = {tag["key"]: tag["value"] for tag in request["tags"]}
    assert tags["dagster/run_id"] == run.run_id
    assert tags["dagster/partition"] == "customers"
    told = sum(len(part) for part in command)
    assert told < 8192, "ECS takes no longer overrides"


def test_the_right_launcher_is_asked_for_health_and_to_stop(deployed):
    run = deployed.launch("model_store")
    deployed.instance.report_dagster_event(_started(run), run.run_id)
    [task] = deployed.child("ecs").ecs.describe_tasks(tasks=[run.tags["ecs/task_arn"]], cluster="synth")["tasks"]
    assert task["desiredStatus"] == "RUNNING"
    assert deployed.instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    with DagsterInstance.from_ref(deployed.instance.get_ref()) as other:  # as a daemon after its restart
        assert other.run_launcher.terminate(run.run_id)
        assert other.get_run_by_id(run.run_id).status == DagsterRunStatus.CANCELING
    [task] = deployed.child("ecs").ecs.describe_tasks(tasks=[run.tags["ecs/task_arn"]], cluster="synth")["tasks"]
    assert task["desiredStatus"] == "STOPPED"


def test_a_run_without_gpu_ops_is_a_local_process(deployed):
    deployed.requests.clear()
    run = deployed.launch("original_data")
    assert run.tags[LAUNCHER_TAG] == "local"
    assert deployed.requests == []
    assert not [name for name in run.tags if name.startswith("ecs/")]
    assert deployed.instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    deployed.ask(TERMINATE, run=run.run_id)
    until(lambda: deployed.instance.get_run_by_id(run.run_id).is_finished, 180)
    until(lambda: _health(deployed, run) == WorkerStatus.NOT_FOUND, 60)


def test_a_run_may_say_where_it_wants_to_be(deployed):
    deployed.requests.clear()
    run = deployed.launch("original_data", **{CLASS_TAG: "gpu", "ecs/memory": "1024"})
    [request] = deployed.requests
    [container] = request["overrides"]["containerOverrides"]
    assert container["resourceRequirements"] == [{"type": "GPU", "value": "1"}]
    assert container["memory"] == 1024, "what the run says itself stays"
    assert run.tags[LAUNCHER_TAG] == "ecs"


def test_an_unknown_class_is_refused(deployed):
    answer = deployed.answer("original_data", **{CLASS_TAG: "tpu"})
    assert answer["__typename"] == "PythonError"
    assert "'tpu'" in answer["message"]
    assert "cpu, gpu" in answer["message"]


def test_only_the_steps_that_run_count(deployed):
    """A retry from a failed step after training needs no GPU, though the plan has the training in it."""
    launcher, run = deployed.instance.run_launcher, deployed.launch(*ASSETS)
    assert {step.key for step in launcher._steps(run)} >= {"original_data.split_source", "model_store.train_model"}
    rest = run._replace(step_keys_to_execute=["synthetic_data.measure_quality"])  # with all tags, as retries have them
    assert [step.key for step in launcher._steps(rest)] == ["synthetic_data.measure_quality"]
    routed = launcher._routed(rest)
    assert routed.tags[LAUNCHER_TAG] == "local"
    assert not [name for name in routed.tags if name in ("ecs/cpu", "ecs/run_task_kwargs")]


def test_a_retry_gets_what_the_deployment_says_now(deployed):
    """More memory in the deployment's file must reach runs that are started again; what a run says itself stays."""
    launcher, run = deployed.instance.run_launcher, deployed.launch("model_store", **{"ecs/memory": "2048"})
    old = {**run.tags, "ecs/cpu": "1"}
    again = launcher._routed(run.with_tags(old))
    assert again.tags["ecs/cpu"] == "7168"
    assert again.tags["ecs/memory"] == "2048"


def test_a_run_of_a_launcher_that_is_gone_says_so(deployed):
    run = deployed.instance.create_run_for_job(_job(), tags={LAUNCHER_TAG: "batch"})
    with pytest.raises(ComputeError, match=r"'batch'.*dagster.yaml no longer names"):
        deployed.instance.run_launcher.terminate(run.run_id)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"launchers": {}, "routes": [{"compute": "cpu", "launcher": "local"}]}, "'local'.*there are none"),
        ({"launchers": {"local": {}}, "routes": [{"compute": "gpu", "launcher": "local"}]}, "a route for 'cpu'"),
        ({"launchers": {"ecs": {"module": "dagster_aws.ecs"}}, "routes": []}, "module and class of the launcher 'ecs'"),
    ],
)
def test_a_launcher_that_cannot_work_is_refused(tmp_path: Path, config, told):
    launcher = {"module": "synth_pipeline.compute", "class": "RoutingRunLauncher", "config": config}
    reference = InstanceRef.from_dir(str(tmp_path), overrides={"run_launcher": launcher})
    with DagsterInstance.from_ref(reference) as instance, pytest.raises(ComputeError, match=told):
        _ = instance.run_launcher


def _health(deployed: Deployed, run: Any) -> WorkerStatus:
    return deployed.instance.run_launcher.check_run_worker_health(run).status


def _started(run: Any) -> Any:
    from dagster._core.events import DagsterEvent, DagsterEventType

    return DagsterEvent(DagsterEventType.RUN_START.value, run.job_name)


def _job() -> Any:
    from dagster import job, op

    @op
    def nothing() -> None: ...

    @job
    def idle() -> None:
        nothing()

    return idle
