"""The Kubernetes deployment's launcher against an API server of our own: the request that would start a GPU pod."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.workspace.load import location_origins_from_yaml_paths

from synth_pipeline.compute import CLASS_TAG, LAUNCHER_TAG
from tests.pipeline.aws_services import DEPLOYMENT

KUBERNETES = DEPLOYMENT.parent / "kubernetes"

pytestmark = pytest.mark.slow  # the library of Kubernetes alone takes seconds to import


@pytest.fixture
def requests() -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """The URL of a server that accepts everything, and what it was asked."""
    asked: list[tuple[str, str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, json.loads(body) if body else None))
            answer = json.dumps(asked[-1][2] or {"kind": "Status", "status": "Success"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = do_PATCH = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def instance(requests: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """With the deployment's launcher, but for the address of the cluster."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": requests[0]}}],
        "users": [{"name": "me", "user": {"token": "none"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "current-context": "here",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    launcher = yaml.safe_load((KUBERNETES / "dagster.yaml").read_text())["run_launcher"]
    place = {"load_incluster_config": False, "kubeconfig_file": str(tmp_path / "kubeconfig")}
    launcher["config"]["launchers"]["pods"]["config"] |= place
    monkeypatch.setenv("SYNTH_COMPUTE", str(KUBERNETES / "compute.yaml"))
    with DagsterInstance.from_ref(
        InstanceRef.from_dir(str(tmp_path), overrides={"run_launcher": launcher})
    ) as instance:
        yield instance


def _launch(instance: DagsterInstance, compute: str) -> Any:
    [location] = location_origins_from_yaml_paths([str(KUBERNETES / "workspace.yaml")])
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "synthesize")
    run = instance.create_run_for_job(
        _job(), tags={CLASS_TAG: compute}, remote_job_origin=origin, job_code_origin=_code()
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    return instance.get_run_by_id(run.run_id)


def _job() -> Any:
    from dagster import job, op

    @op
    def nothing() -> None: ...

    @job
    def synthesize() -> None:
        nothing()

    return synthesize


def _code() -> Any:
    from dagster._core.code_pointer import ModuleCodePointer
    from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

    return JobPythonOrigin(
        job_name="synthesize",
        repository_origin=RepositoryPythonOrigin(
            "python", ModuleCodePointer("synth_pipeline.definitions", "defs", None)
        ),
    )


def test_a_gpu_run_becomes_a_pod_with_a_gpu(instance, requests):
    run = _launch(instance, "gpu")
    assert run.tags[LAUNCHER_TAG] == "pods"
    [(_, path, job)] = [each for each in requests[1] if each[0] == "POST"]
    assert path.split("?")[0] == "/apis/batch/v1/namespaces/synth/jobs"
    assert job["spec"]["ttlSecondsAfterFinished"] == 86400
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["resources"]["limits"] == {"memory": "24Gi", "nvidia.com/gpu": "1"}
    assert container["image"] == "registry.example.com/synth:cuda"
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["serviceAccountName"] == "synth"
    assert pod["terminationGracePeriodSeconds"] == 120
    assert run.run_id in json.dumps(container["args"])
    sources = [source.get("configMapRef", source.get("secretRef"))["name"] for source in container["envFrom"]]
    assert sources == ["synth-environment", "synth-postgres"]
    mounted = {volume["configMap"]["name"] for volume in pod["volumes"] if volume.get("configMap")}
    assert mounted == {"synth-instance"}
    mounts = {Path(mount["mountPath"]).name for mount in container["volumeMounts"]}
    assert mounts == {"dagster.yaml", "compute.yaml"}


def test_a_cpu_run_becomes_a_pod_without(instance, requests):
    _launch(instance, "cpu")
    [(_, _, job)] = [each for each in requests[1] if each[0] == "POST"]
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {"memory": "8Gi"}
    assert not pod.get("nodeSelector")
