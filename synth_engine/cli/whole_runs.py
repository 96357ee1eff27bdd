"""What ``synth run`` does: all stages for one table; for subjects, then their events; for columns, then their texts.

Belongs here: which stage gets which option, and what can be told to be wrong before the first one begins. Does not
belong here: running them (`running`).
"""

from functools import partial
from typing import TYPE_CHECKING

from synth_engine.cli.running import Related, Tables, Work, check_output, from_files
from synth_engine.cli.settings import Settings, encodings
from synth_engine.cli.stage_options import Run, Training
from synth_engine.domain import InputError, ModelEncodingType, ModelType, SplitConfig
from synth_engine.io import read_table

if TYPE_CHECKING:
    import pyarrow as pa

# Folders in the workspace of the part that is made last, each the workspace of the part that it is made for.
_SUBJECTS, _COLUMNS = "context", "columns"


def check_run(table: str, options: Run) -> None:
    """Raise `InputError` for what cannot go to its end, or would replace an original table."""
    output, context_output, context = options.places.output, options.context_output, options.columns.context
    check_output(output, table, context)
    check_output(context_output, table, context, option="--context-output")
    if context is None and context_output is not None:
        raise InputError("--context-output: there is no --context whose twin it could hold; add that or leave it out")
    if output is not None and output == context_output:
        raise InputError(f"--context-output: expected another file than --output, found {output}")
    if options.text and (context is not None or options.columns.context_key is not None):
        raise InputError("--text: expected neither --context nor --context-key beside it; texts of events are not made")
    if options.text_model is not None and not options.text:
        raise InputError("--text-model: there is no --text that it could write; add that or leave it out")
    if options.text_model is not None:
        from synth_engine.stages.models import check_model

        try:
            check_model(options.text_model, ModelType.LANGUAGE)
        except InputError as error:
            raise InputError(str(error).replace("model:", "--text-model:", 1)) from None
    beside = "--context" if context is not None else "--text" if options.text else None
    if beside is not None and options.values.dataset_epsilon is not None:
        parts = "subjects and events" if context is not None else "columns and texts"
        raise InputError(
            f"--dataset-epsilon: expected none beside {beside}: {parts} have a ledger each, and the limit "
            "would hold for each alone; bound each by --target-epsilon or --max-epsilon instead"
        )


def related_works(table: str, options: Run) -> Related | None:
    """What is done where there are two parts, one made for the other; None where there is but one."""
    if options.columns.context is not None:
        return Related(_work_of_subjects(options), _work_of_events(table, options), ("Subjects", "Events"), "subjects")
    if options.text:
        return Related(
            _work_of_columns(table, options), _work_of_texts(table, options), ("Columns", "Texts"), "columns"
        )
    return None


def work_of_table(table: str, options: Run) -> Work:
    """All stages for a table by itself."""
    from synth_engine.stages.column_types import model_type_of

    settings: dict[str, Settings] = {"split": options.division.settings(options.columns, options.seed)}
    settings |= _modelling(options, options.training, model_type_of(SplitConfig.of(**settings["split"])))
    settings |= {"generate": options.rows.settings(options.seed)}
    return Work(options.places.workspace, settings, {"split": from_files({"tgt_data": table})}, options.places.output)


def _work_of_subjects(options: Run) -> Work:
    """All stages for the context, in a workspace of its own."""
    settings: dict[str, Settings] = {"split": options.division.settings_of_subjects(options.columns, options.seed)}
    settings |= _modelling(options, options.training.of_subjects())
    settings |= {"generate": options.rows.without_wishes().settings(options.seed)}
    tables = {"split": from_files({"tgt_data": options.columns.context})}
    return Work(_workspace_of(_SUBJECTS, options), settings, tables, options.context_output)


def _work_of_events(table: str, options: Run) -> Work:
    """All stages for the events; the last one is for the synthetic subjects."""
    settings: dict[str, Settings] = {"split": options.division.settings(options.columns, options.seed)}
    settings |= _modelling(options, options.training)
    settings |= {"generate": options.rows.for_given().settings(options.seed)}
    tables: dict[str, Tables] = {
        "split": from_files({"tgt_data": table, "ctx_data": options.columns.context}),
        "generate": {"ctx_data": partial(_synthetic_table, _workspace_of(_SUBJECTS, options))},
    }
    return Work(options.places.workspace, settings, tables, options.places.output)


def _work_of_columns(table: str, options: Run) -> Work:
    """All stages for the columns that are not free text, in a workspace of its own."""
    texts = options.text or []
    types = encodings(options.columns.encoding, "--encoding")
    types = {name: kind for name, kind in types.items() if name not in texts}
    settings: dict[str, Settings] = {"split": options.division.settings(options.columns, options.seed, types)}
    settings |= _modelling(options, options.training.of_columns())
    settings |= {"generate": options.rows.settings(options.seed)}
    return Work(
        _workspace_of(_COLUMNS, options), settings, {"split": {"tgt_data": partial(_without, table, tuple(texts))}}
    )


def _work_of_texts(table: str, options: Run) -> Work:
    """All stages of a language model of the whole table, whose last one is given the other columns."""
    texts = options.text or []
    known = encodings(options.columns.encoding, "--encoding")
    types = {name: known.get(name, ModelEncodingType.LANGUAGE_TEXT.value) for name in texts}
    settings: dict[str, Settings] = {"split": options.division.settings(options.columns, options.seed, types)}
    settings |= _modelling(options, options.training.of_texts(options.text_model), ModelType.LANGUAGE)
    settings |= {"generate": options.rows.for_given().without_wishes().settings(options.seed)}
    tables: dict[str, Tables] = {
        "split": {"tgt_data": partial(_with_texts, table, tuple(texts))},
        "generate": {"seed_data": partial(_synthetic_table, _workspace_of(_COLUMNS, options))},
    }
    return Work(options.places.workspace, settings, tables, options.places.output)


def _with_texts(table: str, columns: tuple[str, ...]) -> "pa.Table":
    rows = read_table(table)
    missing = [name for name in columns if name not in rows.column_names]
    if missing:
        found = ", ".join(rows.column_names)
        raise InputError(f"--text: expected columns of the table, found {missing[0]!r}; it has {found}")
    return rows


def _without(table: str, columns: tuple[str, ...]) -> "pa.Table":
    return _with_texts(table, columns).drop_columns(list(columns))


def _modelling(options: Run, training: Training, model_type: ModelType = ModelType.TABULAR) -> dict[str, Settings]:
    values = options.values
    return {
        "analyze": values.settings(options.seed_of_analyze, training.privacy),
        "encode": {},
        "train": training.settings(options.seed, values.privacy, model_type),
    }


def _workspace_of(part: str, options: Run) -> str:
    return f"{options.places.workspace.rstrip('/')}/{part}"


def _synthetic_table(workspace: str) -> object:
    from synth_engine.summary import synthetic_table

    return synthetic_table(workspace)
