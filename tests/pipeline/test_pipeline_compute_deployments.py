"""The files of the deployments: each is loaded by what reads it, and they agree about names with each other."""

import fnmatch
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.workspace.load import location_origins_from_yaml_paths

from synth_pipeline.compute import CLASSES, compute_tags, pool
from tests.pipeline.aws_services import DEPLOYMENT, object_store, task_definition

__all__ = ["object_store"]  # fixtures

ROOT = DEPLOYMENT.parent.parent.parent
ALL = DEPLOYMENT.parent
KUBERNETES, CELERY = ALL / "kubernetes", ALL / "celery"
KINDS = ("aws", "kubernetes", "celery")


def _asked_for(value: Any) -> set[str]:
    """Environment variables that a configuration reads."""
    if isinstance(value, dict):
        return {value["env"]} if set(value) == {"env"} else set().union(*map(_asked_for, value.values()), set())
    return set().union(*map(_asked_for, value), set()) if isinstance(value, list) else set()


def _instance(kind: str) -> Any:
    return yaml.safe_load((ALL / kind / "dagster.yaml").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_dagster_takes_the_instances(kind):
    settings, _ = dagster_instance_config(str(ALL / kind))
    assert settings["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"
    assert settings["run_retries"]["enabled"]
    assert settings["run_monitoring"]["free_slots_after_run_end_seconds"] > 0, "a dead run must give its pool back"
    [limit] = settings["concurrency"]["runs"]["tag_concurrency_limits"]
    assert (limit["key"], limit["limit"]) == ("dagster/partition", 1)


def test_the_local_instance_says_the_same_about_failures_and_datasets():
    settings, _ = dagster_instance_config(str(ALL.parent))
    assert settings["run_retries"] == {"enabled": True, "max_retries": 3, "retry_on_asset_or_op_failure": False}
    assert settings["run_monitoring"]["free_slots_after_run_end_seconds"] > 0
    [limit] = settings["concurrency"]["runs"]["tag_concurrency_limits"]
    assert limit == {"key": "dagster/partition", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_the_workspaces_name_one_code_server(kind):
    [origin] = location_origins_from_yaml_paths([str(ALL / kind / "workspace.yaml")])
    assert (origin.location_name, origin.port) == ("synth", 4000)


@pytest.mark.parametrize("kind", KINDS)
def test_the_classes_are_those_of_the_ops(kind, monkeypatch):
    monkeypatch.setenv("SYNTH_COMPUTE", str(ALL / kind / "compute.yaml"))
    cpu, gpu = compute_tags("cpu"), compute_tags("gpu")
    assert pool("cpu") is None
    told = json.dumps(gpu)
    assert {"aws": '\\"GPU\\"', "kubernetes": "nvidia.com/gpu", "celery": "dagster-celery/queue"}[kind] in told
    assert "GPU" not in json.dumps(cpu)
    assert "nvidia" not in json.dumps(cpu)


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_that_ops_ask_for_has_a_meaning_and_a_route(kind):
    assert yaml.safe_load((ALL / kind / "compute.yaml").read_text())["classes"].keys() >= CLASSES.keys()
    launcher = _instance(kind).get("run_launcher", {"class": "none"})
    if launcher["class"] == "RoutingRunLauncher":
        assert {route["compute"] for route in launcher["config"]["routes"]} >= CLASSES.keys()


def test_ecs_takes_the_task_definitions(object_store):
    ecs = boto3.client("ecs")
    for name in ("services", "run"):
        answer = ecs.register_task_definition(**task_definition(name))["taskDefinition"]
        assert answer["family"] == f"synth-{name}"
    services, run = task_definition("services"), task_definition("run")
    assert sum(part["memory"] for part in services["containerDefinitions"]) <= int(services["memory"])
    launcher = _instance("aws")["run_launcher"]["config"]["launchers"]["ecs"]["config"]
    [worker] = run["containerDefinitions"]
    assert worker["name"] == launcher["container_name"]
    for container in [*services["containerDefinitions"], worker]:
        given = {each["name"]: each.get("value") for each in container["environment"] + container["secrets"]}
        assert _asked_for(_instance("aws")) <= given.keys(), container["name"]
        assert given["SYNTH_RUN_TASK_DEFINITION"] == run["family"]
        assert given["SYNTH_STORAGE"].startswith("s3://")
    roles = {services["taskRoleArn"].split("/")[-1], run["taskRoleArn"].split("/")[-1]}
    assert all(role in (ALL / "README.md").read_text() for role in roles)


def _dockerfile() -> list[tuple[str, str]]:
    """Instructions and their arguments."""
    text = re.sub(r"^#.*\n", "", (DEPLOYMENT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in lines]


def test_the_image_is_made_of_files_that_exist_and_are_let_in():
    instructions = _dockerfile()
    known = {"ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}
    assert {name for name, _ in instructions} <= known
    ignored = (DEPLOYMENT / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    for name, arguments in instructions:
        sources = [] if name != "COPY" or "--from=" in arguments else arguments.split()[:-1]
        for source in [source for source in sources if not source.startswith("--")]:
            assert (ROOT / source).exists(), source
            folders = [source, *(str(parent) for parent in Path(source).parents)]
            assert any(fnmatch.fnmatch(folder, pattern) for folder in folders for pattern in let_in), source
    assert ignored[1] == "**", "nothing else"


def test_the_image_is_of_a_user_without_rights_and_can_tell_its_health():
    instructions = _dockerfile()
    last_stage = instructions[max(i for i, (name, _) in enumerate(instructions) if name == "FROM") :]
    assert [arguments for name, arguments in last_stage if name == "USER"] == ["synth"]
    [health] = [arguments for name, arguments in last_stage if name == "HEALTHCHECK"]
    shell = health.split("CMD", 1)[1]
    subprocess.run(["sh", "-n", "-c", shell], check=True)
    [command] = [json.loads(arguments) for name, arguments in last_stage if name == "CMD"]
    assert command[0] == "dagster-webserver"
    arguments = dict(item.split("=", 1) for name, item in instructions if name == "ARG")
    extras = set(arguments["EXTRAS"].split(","))
    assert {"pipeline", "aws", "k8s", "celery"} <= extras
    for name, line in instructions:
        if name == "RUN":
            subprocess.run(["sh", "-n", "-c", line], check=True)


def test_no_secret_is_in_any_file():
    for path in ALL.rglob("*"):
        if path.is_file():
            assert not re.search(r"AKIA[0-9A-Z]{16}|password: *[^{$ \n]", path.read_text()), path


def _kubernetes() -> dict[tuple[str, str], Any]:
    folder = KUBERNETES
    names = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    found = [each for name in names for each in yaml.safe_load_all((folder / name).read_text())]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def test_kubernetes_files_agree():
    objects, kustomization = _kubernetes(), yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    launcher = _instance("kubernetes")["run_launcher"]["config"]["launchers"]["pods"]["config"]
    files, environment = kustomization["configMapGenerator"]
    given = dict(item.split("=", 1) for item in environment["literals"])
    assert _asked_for(_instance("kubernetes")) <= {*given, "SYNTH_POSTGRES_PASSWORD"}
    assert all((KUBERNETES / name).is_file() for name in files["files"])
    assert launcher["instance_config_map"] == files["name"]
    assert launcher["env_config_maps"] == [environment["name"]]
    assert ("ServiceAccount", launcher["service_account_name"]) in objects
    assert ("Namespace", launcher["job_namespace"]) in objects
    assert kustomization["namespace"] == launcher["job_namespace"]
    [image] = kustomization["images"]
    assert launcher["job_image"] == f"{image['newName']}:{image['newTag']}"
    assert given["DAGSTER_HOME"] == launcher["dagster_home"]
    [location] = yaml.safe_load((KUBERNETES / "workspace.yaml").read_text())["load_from"]
    service = objects["Service", location["grpc_server"]["host"]]
    assert service["spec"]["ports"] == [{"port": location["grpc_server"]["port"]}]
    for (kind, name), each in objects.items():
        if kind == "Deployment":
            [container] = each["spec"]["template"]["spec"]["containers"]
            assert container["image"] == image["name"], name
            maps = [source.get("configMapRef", source.get("secretRef"))["name"] for source in container["envFrom"]]
            assert maps == [environment["name"], *launcher["env_secrets"]]
            mounted = {Path(mount["mountPath"]).name for mount in container["volumeMounts"]}
            assert mounted == set(files["files"])


def test_celery_files_agree():
    compose = yaml.safe_load((CELERY / "compose.yaml").read_text())
    queues = {
        each["tags"]["dagster-celery/queue"]
        for each in yaml.safe_load((CELERY / "compute.yaml").read_text())["classes"].values()
    }
    services = compose["services"]
    worked_on = re.search(r":-([\w,]+)}", services["worker"]["command"][-1])
    assert worked_on
    assert set(worked_on[1].split(",")) == queues
    parts = {name: each for name, each in services.items() if name not in ("postgres", "redis")}
    for name, part in parts.items():
        environment = part["environment"]
        assert _asked_for(_instance("celery")) <= environment.keys(), name
        assert environment["SYNTH_EXECUTOR"] == "celery"
        assert environment["SYNTH_CELERY_BROKER"].split("/")[2].split(":")[0] in services
        assert environment["SYNTH_POSTGRES_HOST"] in services
        for volume in part["volumes"]:
            assert (CELERY / volume.split(":")[0]).is_file(), volume
    [location] = yaml.safe_load((CELERY / "workspace.yaml").read_text())["load_from"]
    assert location["grpc_server"]["host"] in services
