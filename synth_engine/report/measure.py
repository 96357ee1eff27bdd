"""Everything that a report says of a workspace, measured part by part.

Belongs here: which parts there are, and what stands in their place where one cannot be measured. Does not belong here:
reading rows (`samples`), how a figure is found (`synth_engine.evaluation`), another library's opinion
(`quality_assurance`).
"""

import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from upath import UPath

from synth_engine._version import __version__
from synth_engine.domain import InputError, ProgressCallback
from synth_engine.evaluation.discriminator import measure_discriminator
from synth_engine.evaluation.fidelity import measure_fidelity
from synth_engine.evaluation.privacy import NotMeasured, attack
from synth_engine.evaluation.utility import measure_utility
from synth_engine.report.quality_assurance import QaPage, measure_qa
from synth_engine.report.results import Report
from synth_engine.report.samples import MAX_CELLS, Samples, check_name, read_samples
from synth_engine.workspace import Workspace

_T = TypeVar("_T")
_LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "torch")


def measure_report(
    workspace_dir: str | Path | UPath,
    *,
    name: str | None = None,
    seed: int = 0,
    qa: bool = False,
    max_cells: int = MAX_CELLS,
    update_progress: ProgressCallback | None = None,
) -> tuple[Report, QaPage | None]:
    """Measure fidelity, utility and privacy of the synthetic rows in a workspace.

    Training rows are what they are compared with, validation rows are the yardstick: rows of the same population that
    the model did not learn from.

    Args:
        workspace_dir: A workspace in which all five stages were run.
        name: What the report calls the dataset; None is the name of the folder.
        seed: Of all samples.
        qa: Whether to ask `mostlyai-qa` as well, which takes minutes and needs the extra ``qa``.
        max_cells: Cells that are read of each table at most.
        update_progress: Called after each part.

    Returns:
        The report, and the page of the other library if it was asked.

    Raises:
        ArtefactError: a stage has not run, or its artefact is damaged.
        InputError: scikit-learn, or `mostlyai-qa` if it is asked for, is not installed (``pip install
            'synth-engine[qa]'``).
    """
    workspace = Workspace(workspace_dir)
    name = check_name(name if name is not None else workspace.root.name or "workspace")
    versions = _versions(qa)
    clock = _Clock(update_progress, n_parts=5 + qa)
    samples = clock.timed("reading", lambda: read_samples(workspace, max_cells))
    measured = _measured(samples, seed, clock)
    opinion, page = clock.timed("qa", lambda: measure_qa(samples, seed)) if qa else (_NOT_ASKED, None)
    report = Report(
        name=name,
        created=datetime.now(UTC).replace(microsecond=0),
        versions=versions,
        seed=seed,
        tables=samples.tables,
        schema_problems=samples.schema_problems,
        **measured,
        protection=samples.protection,
        qa=opinion,
        inputs={artefact.folder: manifest.digest for artefact, manifest in samples.inputs.items()},
        seconds=clock.seconds,
        notes=samples.notes,
    )
    return report, page


def _measured(samples: Samples, seed: int, clock: "_Clock") -> dict[str, Any]:
    """All that our own measures say, by the name of the report's part; the reason in place of it where they cannot."""
    tables = (samples.training, samples.holdout, samples.synthetic)
    keys, context_key = samples.tables.keys, samples.tables.context_key
    measures: dict[str, Callable[[], Any]] = {
        "fidelity": lambda: measure_fidelity(
            *tables, keys=keys, context_key=context_key, constraints=samples.constraints, seed=seed
        ),
        "discriminator": lambda: measure_discriminator(*tables, keys=keys, seed=seed),
        "utility": lambda: measure_utility(*tables, keys=keys, seed=seed),
        "privacy": lambda: attack(
            *tables,
            keys=[key for key in keys if key != context_key],
            context_key=context_key,
            seed=seed,
            delta=samples.protection.delta or 0.0,
        ),
    }
    why_not = _why_not(samples)
    if why_not is not None:
        return dict.fromkeys(measures, NotMeasured(not_measured=why_not))
    return {part: clock.timed(part, measure) for part, measure in measures.items()}


_NOT_ASKED = NotMeasured(not_measured="It was not asked for.")


class _Clock:
    """Times parts, and tells of each that is done."""

    def __init__(self, update_progress: ProgressCallback | None, n_parts: int) -> None:
        self._update, self._n_parts = update_progress, n_parts
        self.seconds: dict[str, float] = {}

    def timed(self, title: str, measure: Callable[[], _T]) -> _T:
        begin = time.perf_counter()
        made = measure()
        self.seconds[title] = round(time.perf_counter() - begin, 2)
        if self._update is not None:
            self._update(total=self._n_parts, completed=len(self.seconds), message={"stage": "report", "unit": "parts"})
        return made


def _why_not(samples: Samples) -> str | None:
    """Why nothing can be compared; None where something can."""
    for name in ("training", "holdout", "synthetic"):
        if getattr(samples.tables.compared, name) == 0:
            return f"There is no {name} row." + (
                " Split the table with a trn_val_split below 1 to have rows to check with." if name == "holdout" else ""
            )
    if samples.schema_problems:
        return f"The columns are not those of the original: {samples.schema_problems[0]}."
    return None


def _versions(qa: bool) -> dict[str, str]:
    """Of what figures rest on; raises `InputError` where it is not installed."""
    found = {"synth-engine": __version__, "python": platform.python_version()}
    for library in (*_LIBRARIES, *(("mostlyai-qa",) if qa else ())):
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            raise InputError(
                f"report: expected {library} to be installed, it is not; pip install 'synth-engine[qa]'"
            ) from None
    return found
