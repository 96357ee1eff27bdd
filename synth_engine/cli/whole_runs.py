"""What ``synth run`` does: all stages for one table, or for subjects and then for their events.

Belongs here: which stage gets which option, and what can be told to be wrong before the first one begins. Does not
belong here: running them (`running`).
"""

from functools import partial

from synth_engine.cli.running import Tables, Work, check_output, from_files
from synth_engine.cli.settings import OF_TRAINING, Settings
from synth_engine.cli.stage_options import Run
from synth_engine.domain import InputError

_SUBJECTS = "context"  # the folder in the workspace of the events that is the workspace of their subjects


def check_run(table: str, options: Run) -> None:
    """Raise `InputError` for what cannot go to its end, or would replace an original table."""
    output, context_output, context = options.places.output, options.context_output, options.columns.context
    check_output(output, table, context)
    check_output(context_output, table, context, option="--context-output")
    if context is None and context_output is not None:
        raise InputError("--context-output: there is no --context whose twin it could hold; add that or leave it out")
    if output is not None and output == context_output:
        raise InputError(f"--context-output: expected another file than --output, found {output}")
    if options.columns.context_key is not None:
        _check_sequences(options)
    if context is not None and options.values.dataset_epsilon is not None:
        raise InputError(
            "--dataset-epsilon: expected none beside --context: subjects and events have a ledger each, and the limit "
            "would hold for each alone; bound each by --target-epsilon or --max-epsilon instead"
        )


def _check_sequences(options: Run) -> None:
    """Raise `NotImplementedError` for what training would refuse, hours later."""
    if any(getattr(options.training, name) is not None for name in OF_TRAINING):
        named = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(OF_TRAINING))
        raise NotImplementedError(
            f"sequences cannot be trained with differential privacy yet: expected none of {named} beside --context-key"
        )
    if options.training.model_state_strategy.upper() == "REUSE":
        raise NotImplementedError("--model-state-strategy: REUSE is not available yet for sequences; use RESET")


def work_of_table(table: str, options: Run) -> Work:
    """All stages for a table without a context."""
    settings: dict[str, Settings] = {"split": options.division.settings(options.columns, options.seed)}
    settings |= _modelling(options) | {"generate": options.rows.settings(options.seed)}
    return Work(options.places.workspace, settings, {"split": from_files({"tgt_data": table})}, options.places.output)


def work_of_subjects(options: Run) -> Work:
    """All stages for the context, in a workspace of its own."""
    settings: dict[str, Settings] = {"split": options.division.settings_of_subjects(options.columns, options.seed)}
    settings |= _modelling(options, is_sequential=False)
    settings |= {"generate": options.rows.of_subjects().settings(options.seed)}
    tables = {"split": from_files({"tgt_data": options.columns.context})}
    return Work(_workspace_of_subjects(options), settings, tables, options.context_output)


def work_of_events(table: str, options: Run) -> Work:
    """All stages for the events; the last one is for the synthetic subjects."""
    settings: dict[str, Settings] = {"split": options.division.settings(options.columns, options.seed)}
    settings |= _modelling(options) | {"generate": options.rows.of_events().settings(options.seed)}
    tables: dict[str, Tables] = {
        "split": from_files({"tgt_data": table, "ctx_data": options.columns.context}),
        "generate": {"ctx_data": partial(_synthetic_table, _workspace_of_subjects(options))},
    }
    return Work(options.places.workspace, settings, tables, options.places.output)


def _modelling(options: Run, *, is_sequential: bool = True) -> dict[str, Settings]:
    values, training = options.values, options.training
    if not is_sequential:
        training = training.of_subjects()
    return {
        "analyze": values.settings(options.seed_of_analyze, training.privacy),
        "encode": {},
        "train": training.settings(options.seed, values.privacy),
    }


def _workspace_of_subjects(options: Run) -> str:
    return f"{options.places.workspace.rstrip('/')}/{_SUBJECTS}"


def _synthetic_table(workspace: str) -> object:
    from synth_engine.summary import synthetic_table

    return synthetic_table(workspace)
