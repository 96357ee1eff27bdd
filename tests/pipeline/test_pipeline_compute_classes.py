"""Compute classes and executors: what a deployment may say, and what follows for ops."""

import json
import sys
from typing import Any

import pytest
from dagster import DagsterInstance, OpDefinition, job, op

from synth_pipeline.compute import CLASSES, ComputeError, compute_tags, executor, handover, pool
from synth_pipeline.compute.routing import _in_plan
from synth_pipeline.definitions import build_definitions


@pytest.fixture
def say(tmp_path, monkeypatch):
    """Write the deployment's file."""

    def write(text: str, name: str = "compute.yaml") -> None:
        (tmp_path / name).write_text(text)
        monkeypatch.setenv("SYNTH_COMPUTE", str(tmp_path / name))

    return write


def test_one_machine_needs_no_file(monkeypatch):
    monkeypatch.delenv("SYNTH_COMPUTE", raising=False)
    assert compute_tags("cpu") == {"synth/compute": "cpu"}
    assert compute_tags("gpu") == {"synth/compute": "gpu"}
    assert pool("cpu") is None
    assert pool("gpu") == "gpu"


def test_a_deployment_says_what_a_class_means(say):
    say("classes: {gpu: {tags: {ecs/memory: 4096, ecs/container_overrides: {resourceRequirements: []}}}, big: {}}")
    tags = compute_tags("gpu")
    assert tags["ecs/memory"] == "4096"
    assert json.loads(tags["ecs/container_overrides"]) == {"resourceRequirements": []}
    assert pool("gpu") is None, "a class that is named is wholly as it is named"
    assert compute_tags("cpu") == {"synth/compute": "cpu"}
    assert compute_tags("big") == {"synth/compute": "big"}


def test_the_file_may_be_json_and_anywhere(monkeypatch):
    from upath import UPath

    UPath("memory://deployment/compute.json").write_text('{"classes": {"gpu": {"pool": "cards"}}}')
    monkeypatch.setenv("SYNTH_COMPUTE", "memory://deployment/compute.json")
    assert pool("gpu") == "cards"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("classes: {gpu: {pol: gpu}}", r"classes.gpu.pol"),
        ("classes: {gpu: {tags: {synth/compute: cpu}}}", "leave it out"),
        ("classes: {gpu: {tags: {ecs/cpu: 2 vCPU}}}", "'ecs/cpu', found '2 vCPU'"),
        ("classes: {G P U: {}}", "pattern"),
        ("classes: [gpu]", "dictionary"),
        ("[1]", "the file"),
        ("classes: {", "expected YAML or JSON"),
        ("clases: {}", "clases"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(say, text, told):
    say(text, "wrong.yaml")
    with pytest.raises(ComputeError, match=told) as caught:
        compute_tags("gpu")
    assert "wrong.yaml" in str(caught.value)


def test_an_empty_file_is_one_machine(say):
    say("")
    assert pool("gpu") == "gpu"


def test_missing_files_and_classes_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNTH_COMPUTE", str(tmp_path / "none.yaml"))
    with pytest.raises(ComputeError, match=r"SYNTH_COMPUTE names .*none\.yaml"):
        pool("gpu")
    monkeypatch.delenv("SYNTH_COMPUTE")
    with pytest.raises(ComputeError, match=f"{', '.join(CLASSES)}, found 'tpu'"):
        pool("tpu")


def test_training_and_drawing_are_gpu_ops_and_no_others():
    plan = build_definitions().resolve_job_def("synthesize")
    ops = {node.name: node for node in plan.all_node_defs if isinstance(node, OpDefinition)}
    tagged = {name: node.tags.get("synth/compute", "cpu") for name, node in ops.items()}
    gpu = {name for name, compute in tagged.items() if compute == "gpu"}
    assert "train_model" in gpu
    assert len(gpu) == 2, gpu
    assert {name for name, node in ops.items() if node.pools} == gpu


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("", "in_process"),
        ("multiprocess", "multiprocess"),
        ("celery", "celery"),
        pytest.param("k8s", "k8s", marks=pytest.mark.slow),  # its library takes seconds to import
    ],
)
def test_executors_by_name(monkeypatch, said, name):
    monkeypatch.setenv("SYNTH_EXECUTOR", said)
    monkeypatch.setenv("SYNTH_CELERY_BROKER", "redis://localhost/0")
    assert executor().name == name


def test_an_unknown_executor_is_refused(monkeypatch):
    monkeypatch.setenv("SYNTH_EXECUTOR", "dask")
    with pytest.raises(ComputeError, match=r"in_process, multiprocess, celery, k8s in .*found 'dask'"):
        executor()


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setenv("SYNTH_EXECUTOR", "k8s")
    monkeypatch.setitem(sys.modules, "dagster_k8s", None)
    with pytest.raises(ComputeError, match=r"needs dagster_k8s: pip install 'synth-engine\[k8s\]'"):
        executor()


def test_secrets_of_the_broker_are_not_in_the_configuration(monkeypatch):
    monkeypatch.setenv("SYNTH_EXECUTOR", "celery")
    monkeypatch.setenv("SYNTH_CELERY_BROKER", "redis://:hush@localhost/0")
    shown = repr(executor().config_schema) + repr(vars(executor()))
    assert "hush" not in shown


@pytest.mark.parametrize("has_storage", [True, False])
def test_steps_leave_values_where_all_machines_find_them(monkeypatch, tmp_path, has_storage):
    """As JSON, which runs nothing when it is read."""
    monkeypatch.delenv("SYNTH_STORAGE", raising=False)
    if has_storage:
        monkeypatch.setenv("SYNTH_STORAGE", str(tmp_path / "storage"))
    (tmp_path / "home").mkdir()
    with DagsterInstance.ephemeral(tempdir=str(tmp_path / "home")) as instance:
        leave = {"rows": 3, "parts": ["a", "ß"], "seconds": 0.5}

        @op
        def first() -> dict[str, Any]:
            return leave

        @op
        def second(given: dict[str, Any]) -> None:
            assert given == leave

        @job(resource_defs={"io_manager": handover()})
        def both() -> None:
            second(first())

        assert both.execute_in_process(instance=instance).success
    [left] = [path for path in tmp_path.rglob("result*") if path.is_file()]
    assert json.loads(left.read_text()) == leave
    assert left.is_relative_to(tmp_path / "storage" / ".steps") == has_storage


@pytest.mark.parametrize(
    ("key", "found"),
    [("a.b", "a.b"), ("a.b[part-1]", "a.b[?]"), ("a.b[?]", "a.b[?]"), ("a[x].b", "a[x].b")],
)
def test_steps_of_dynamic_outputs_are_found_in_the_plan(key, found):
    assert _in_plan(key) == found
