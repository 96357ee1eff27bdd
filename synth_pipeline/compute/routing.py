"""A run launcher that hands every run to another launcher, by the compute class of its ops.

Belongs here: choosing, and remembering the choice. Does not belong here: starting processes or tasks, which is what the
chosen launchers do; what a class means (`classes`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import yaml
from dagster import DagsterInstance, DagsterRun, Field
from dagster._core.launcher.base import (
    CheckRunHealthResult,
    LaunchRunContext,
    ResumeRunContext,
    RunLauncher,
    WorkerStatus,
)
from dagster._core.snap.execution_plan_snapshot import ExecutionPlanSnapshot, ExecutionStepSnap
from dagster._serdes import ConfigurableClass
from dagster._serdes.config_class import ConfigurableClassData

from synth_pipeline.compute.classes import CLASS_TAG, CPU, ComputeError, deployment

LAUNCHER_TAG = "synth/launcher"
_GIVEN_TAG = "synth/given_tags"
_READ_BY_LAUNCHERS = ("ecs/", "dagster-k8s/")
_LOCAL = {"module": "synth_pipeline.compute", "class": "LocalRunLauncher", "config": {}}


class RoutingRunLauncher(RunLauncher[DagsterInstance], ConfigurableClass):
    """Looks at the ops of a run's execution plan, and hands the run to the launcher of their compute class.

    Not at the tags of the job: a launch from the Dagster UI drops these. Of several classes in one run the one whose
    route comes last wins. The tag ``synth/compute`` of a run overrides what its ops say. Tags of the ops that launchers
    read (``ecs/…``, ``dagster-k8s/…``) become tags of the run, unless the run has them already. Which launcher got the
    run is its tag ``synth/launcher``: whoever stops it or asks for its health, after a restart too, asks the same one.

    In `dagster.yaml`::

        run_launcher:
          module: synth_pipeline.compute
          class: RoutingRunLauncher
          config:
            launchers:
              local: {}  # a process beside the code server
              ecs: {module: dagster_aws.ecs, class: EcsRunLauncher, config: {…}}
            routes:  # in the order of their strength
              - {compute: cpu, launcher: local}
              - {compute: gpu, launcher: ecs}
    """

    def __init__(
        self,
        launchers: Mapping[str, RunLauncher[Any]],
        routes: Sequence[tuple[str, str]],
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        self._launchers = dict(launchers)
        self._routes = dict(routes)
        self._inst_data = inst_data
        for compute, launcher in self._routes.items():
            if launcher not in self._launchers:
                raise ComputeError(
                    f"run_launcher: the route of {compute!r} leads to {launcher!r}; expected one of the launchers "
                    f"{', '.join(self._launchers) or '(there are none)'}"
                )
        if CPU not in self._routes:
            raise ComputeError(f"run_launcher: expected a route for {CPU!r}, which ops without a class belong to")
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What this launcher was made from."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        """Schema of the configuration."""
        child = {
            "module": Field(str, is_required=False),
            "class": Field(str, is_required=False),
            "config": Field(dict, is_required=False),
        }
        return {
            "launchers": Field({str: child}, description="Launchers by name; an empty one is local."),
            "routes": Field(
                [{"compute": str, "launcher": str}],
                description="Which launcher the runs of a compute class go to; the last class that a run has wins.",
            ),
        }

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Make it, and the launchers that it hands runs to."""
        launchers = {name: _made(name, config) for name, config in config_value["launchers"].items()}
        return cls(launchers, [(route["compute"], route["launcher"]) for route in config_value["routes"]], inst_data)

    def register_instance(self, instance: DagsterInstance) -> None:
        """Told once, by the instance itself."""
        super().register_instance(instance)
        for launcher in self._launchers.values():
            launcher.register_instance(instance)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Choose, note the choice on the run, hand it over."""
        run = self._routed(context.dagster_run)
        self._launchers[run.tags[LAUNCHER_TAG]].launch_run(context._replace(dagster_run=run))

    def terminate(self, run_id: str) -> bool:
        """Stop the run, by the launcher that started it."""
        run = self._instance.get_run_by_id(run_id)
        return run is not None and self._launcher_of(run).terminate(run_id)

    def dispose(self) -> None:
        """Release what the launchers hold."""
        for launcher in self._launchers.values():
            launcher.dispose()

    def join(self, timeout: int = 30) -> None:
        """Wait for the runs of those launchers that can."""
        for launcher in self._launchers.values():
            launcher.join(timeout)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes; of launchers that cannot tell, every run counts as healthy."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """How the run's worker is, by the launcher that started it."""
        launcher = self._launcher_of(run)
        if not launcher.supports_check_run_worker_health:
            # UNKNOWN would make Dagster's run monitoring fail a healthy run.
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its launcher cannot tell")
        return launcher.check_run_worker_health(run)

    def get_run_worker_debug_info(self, run: DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """What the launcher that started the run has to say about its worker."""
        return self._launcher_of(run).get_run_worker_debug_info(run, include_container_logs)

    @property
    def supports_resume_run(self) -> bool:
        """Only if every launcher can: Dagster asks once for all runs."""
        return all(launcher.supports_resume_run for launcher in self._launchers.values())

    def resume_run(self, context: ResumeRunContext) -> None:
        """Start another worker for the run, where the first one was."""
        self._launcher_of(context.dagster_run).resume_run(context)

    def _routed(self, run: DagsterRun) -> DagsterRun:
        steps = self._steps(run)
        compute = run.tags.get(CLASS_TAG) or self._strongest(step.tags or {} for step in steps)
        if compute not in self._routes:
            raise ComputeError(
                f"run {run.run_id} is of the compute class {compute!r}; expected one that the run launcher has a route "
                f"for: {', '.join(self._routes)}"
            )
        own = _own_tags(run)
        given = {name: value for name, value in _of_class(compute, steps).items() if name not in own}
        added = {**given, LAUNCHER_TAG: self._routes[compute], _GIVEN_TAG: ",".join(sorted(given))}
        self._instance.add_run_tags(run.run_id, added)
        return run.with_tags({**own, **added})

    def _steps(self, run: DagsterRun) -> list[ExecutionStepSnap]:
        """Steps of the run's execution plan that are to run."""
        if run.execution_plan_snapshot_id is None:
            return []
        plan: ExecutionPlanSnapshot = self._instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
        wanted = {_in_plan(key) for key in run.step_keys_to_execute or plan.step_keys_to_execute}
        return [step for step in plan.steps if step.key in wanted]

    def _strongest(self, tags: Iterable[Mapping[str, str]]) -> str:
        """Of the classes of the steps the one whose route comes last; one without a route before all, to be refused."""
        found = {each.get(CLASS_TAG, CPU) for each in tags} or {CPU}
        without = sorted(found - self._routes.keys())
        return without[0] if without else max(found, key=list(self._routes).index)

    def _launcher_of(self, run: DagsterRun) -> RunLauncher[Any]:
        name = run.tags.get(LAUNCHER_TAG, self._routes[CPU])
        if name not in self._launchers:
            raise ComputeError(
                f"run {run.run_id} was started by the launcher {name!r}, which dagster.yaml no longer names "
                f"(it has {', '.join(self._launchers)}); name it again until its runs have ended"
            )
        return self._launchers[name]


def _made(name: str, config: Mapping[str, Any]) -> RunLauncher[Any]:
    if ("module" in config) != ("class" in config) or ("config" in config and "class" not in config):
        raise ComputeError(f"run_launcher: expected module and class of the launcher {name!r}, or nothing for local")
    filled = {**_LOCAL, **config}
    data = ConfigurableClassData(filled["module"], filled["class"], yaml.safe_dump(filled["config"]))
    launcher: RunLauncher[Any] = data.rehydrate(as_type=RunLauncher)  # type: ignore[type-abstract]
    return launcher


def _own_tags(run: DagsterRun) -> dict[str, str]:
    """Without those that a launch gave it: a retry inherits all tags, but is to be routed by what it runs itself."""
    given = {*run.tags.get(_GIVEN_TAG, "").split(","), _GIVEN_TAG, LAUNCHER_TAG}
    return {name: value for name, value in run.tags.items() if name not in given}


def _in_plan(key: str) -> str:
    """The key under which a plan holds a step: one for all that a dynamic output may start."""
    return re.sub(r"\[[^\]]*\]$", "[?]", key)


def _of_class(compute: str, steps: Sequence[ExecutionStepSnap]) -> dict[str, str]:
    """Tags for the run. As the code location tags its ops; by this process's deployment if the run alone says so."""
    of_steps = [step.tags for step in steps if step.tags and step.tags.get(CLASS_TAG) == compute]
    tags = {name: value for each in of_steps for name, value in each.items()}
    tags = tags or deployment().named(compute).tags
    return {name: value for name, value in tags.items() if name.startswith(_READ_BY_LAUNCHERS)}
