"""The opinion of `mostlyai-qa`, a library of others, on the same rows: it works offline, and takes minutes.

Its own page shows values of the real table, so it is no part of the report, and lies with the original data.
"""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from synth_engine.evaluation.privacy import NotMeasured
from synth_engine.report.results import QaFigures
from synth_engine.report.samples import Samples

PAGE = "OriginalData/qa-report.html"
# Its time grows with rows; its figures hardly change beyond.
_MAX_ROWS = 100_000


class QaPage(NamedTuple):
    """A page of real values: its name below the workspace, and its bytes."""

    name: str
    content: bytes


def measure_qa(samples: Samples, seed: int = 0) -> tuple[QaFigures | NotMeasured, QaPage | None]:
    """Ask the library, which must be installed, for figures and for its page; a reason where it has no figures."""
    from mostlyai import qa

    tables = samples.tables
    leave_out = [key for key in tables.keys if key != tables.context_key]
    frames = {
        f"{short}_tgt_data": _frame(getattr(samples, name), leave_out)
        for short, name in (("syn", "synthetic"), ("trn", "training"), ("hol", "holdout"))
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "qa.html"
        try:
            with _seeded(seed):
                _, metrics = qa.report(**frames, tgt_context_key=tables.context_key, report_path=path)
        except Exception as error:  # a second opinion that fails must not cost the first one; what it says is told
            return NotMeasured(not_measured=f"mostlyai-qa failed: {type(error).__name__}: {error}"[:500]), None
        page = QaPage(PAGE, path.read_bytes()) if path.exists() else None
    if metrics is None:
        return NotMeasured(not_measured="mostlyai-qa gave no figures; its page says why."), page
    return _figures(metrics), page


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """It draws from the generators that all share; whoever else does shall not notice."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def _frame(table: pa.Table, leave_out: list[str]) -> Any:
    return (
        table.drop_columns([name for name in leave_out if name in table.column_names]).slice(0, _MAX_ROWS).to_pandas()
    )


def _figures(metrics: Any) -> QaFigures:
    accuracy, similarity, distances = metrics.accuracy, metrics.similarity, metrics.distances
    return QaFigures(
        accuracy=accuracy.overall,
        accuracy_ceiling=accuracy.overall_max,
        univariate=accuracy.univariate,
        bivariate=accuracy.bivariate,
        trivariate=accuracy.trivariate,
        coherence=accuracy.coherence,
        discriminator_auc=None if similarity is None else similarity.discriminator_auc_training_synthetic,
        share_closer=None if distances is None else distances.dcr_share,
    )
