"""analyze: from raw rows to shareable statistics; the only stage that looks at values and tells anything of them."""

from pathlib import Path
from typing import Any

from synth_engine.domain import AnalyzeConfig, DifferentialPrivacyConfig, ProgressCallback
from synth_engine.domain.progress import Progress
from synth_engine.stages.analysis import Analysis
from synth_engine.stages.exact_summaries import Summaries
from synth_engine.workspace import Workspace


def analyze(
    *,
    value_protection: bool = True,
    differential_privacy: DifferentialPrivacyConfig | dict[str, Any] | None = None,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
    random_state: int | None = None,
) -> None:
    """Gather column statistics that give away nothing about single people.

    Makes ``ModelStore/tgt-stats/stats.json`` and, with a context table, ``ModelStore/ctx-stats/stats.json``. They hold
    a fitted encoding for every column, and what may be known of the lengths of sequences.

    People are counted, not rows: with a context key all rows of a subject are one person's. A column with more than
    250,000 different values is summarised from a random sample of the people, unless that must not be: without value
    protection, and with differential privacy, all of them are seen, and memory grows with their different values.

    With ``value_protection_epsilon`` all of it is (ε, δ)-differentially private, with half of ``delta``: two tables of
    which one has all rows of one entity more give nearly the same statistics. (Which columns there are, their types,
    keys and the order of ordered dictionaries count as known.) Numbers of records are noisy, too. Every question to the
    data is a line of ``ModelStore/privacy-ledger.jsonl``; repeated analyses add up. With `differential_privacy`, but
    without ``value_protection_epsilon``, nothing here is differentially private, and the ledger says so.

    Args:
        value_protection: Leave out rare values and extremes that could point to a person.
        differential_privacy: With ``value_protection_epsilon``, statistics are differentially private. Of the other
            settings only ``delta`` matters here.
        workspace_dir: Path or fsspec URL of a workspace that was split.
        update_progress: Called with the number of columns done.
        random_state: Seed of the randomised protection thresholds and of the noise; None, the default, takes one that
            nobody knows, and noise from the operating system's secure source. Whoever knows the seed can undo the
            randomisation: set it for tests only.

    Raises:
        ArtefactError: the workspace was not split, or its files are damaged.
        InputError: an argument that cannot be used, or a column that its encoding type cannot take, named in the
            message.
    """
    config = AnalyzeConfig.of(
        value_protection=value_protection, differential_privacy=differential_privacy, random_state=random_state
    )
    analysis = Analysis.begin(Workspace(workspace_dir), config)
    progress = Progress(update_progress, "analyze", total=max(analysis.n_columns, 1), unit="columns")
    share = analysis.n_columns / (2 * len(analysis.parts))  # reading is half of the work on a column

    def summary(part: str) -> Summaries:
        found = analysis.summary(part)
        progress.report(advance=share, file=part)
        return found

    summaries = Summaries.merged(map(summary, analysis.parts))
    analysis.finish(summaries, lambda column: progress.report(advance=0.5, column=column), stacklevel=2)
