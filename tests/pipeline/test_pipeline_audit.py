"""The audit as an asset: shadows are steps of their own, and only figures are left of them."""

from dagster import AssetKey

from synth_pipeline.definitions import build_definitions
from synth_pipeline.partitions import register
from synth_pipeline.resources import Storage

QUICK = {"n_shadows": 2, "n_targets": 20, "n_rows": 150, "max_epochs": 1.0}


def run(pipeline, config):
    register(pipeline.instance, "customers")
    definitions = build_definitions(storage=Storage(root=str(pipeline.root)))
    run_config = {"ops": {"shadow_audit": {"ops": {"plan_shadows": {"config": config}}}}}
    return definitions.resolve_job_def("audit").execute_in_process(
        instance=pipeline.instance, partition_key="customers", run_config=run_config, raise_on_error=False
    )


def test_each_shadow_is_a_step_and_the_page_has_figures(finished):
    before = finished.workspace.root.stat().st_mtime
    result = run(finished, QUICK)
    assert result.success
    steps = {event.step_key for event in result.all_events if event.is_step_success}
    assert {f"shadow_audit.train_one_shadow[{number}]" for number in range(2)} <= steps
    event = finished.instance.get_latest_materialization_event(AssetKey("shadow_audit"))
    shown = event.asset_materialization.metadata
    assert shown["models"].value == 2
    assert "by who has the model" in shown["figures"].value
    assert finished.workspace.root.stat().st_mtime == before


def test_what_cannot_be_audited_says_so(pipeline, failure):
    assert "run split first" in failure(run(pipeline, QUICK))
