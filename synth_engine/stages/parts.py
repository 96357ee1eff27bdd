"""Analysis and encoding in three steps, so that a pipeline can fan out: a plan, its partitions, what they become.

`analyze` and `encode` do the three in a row. A pipeline spreads the second over processes and machines: all that they
share is the workspace, and the plan, which is plain JSON. Who does which partition, in which order, how often, and how
many die on the way makes no difference to the bytes.

>>> def in_parallel(workspace: str, map_over):
...     plan = plan_encoding(workspace_dir=workspace)
...     map_over(lambda part: encode_parts(plan, [part], workspace_dir=workspace), plan.missing)
...     finish_encoding(plan, workspace_dir=workspace)

What partitions tell an analysis is exact. Between the steps it lies in a draft under ``OriginalData/``, beside the rows
themselves, and is removed by the third.
"""

from collections.abc import Iterable
from pathlib import Path

from synth_engine.domain import AnalyzeConfig, ArtefactError, ProgressCallback
from synth_engine.domain.progress import Progress
from synth_engine.stages.analysis import Analysis
from synth_engine.stages.encode import EncodingWork
from synth_engine.stages.exact_summaries import Summaries
from synth_engine.stages.part_work import PartsPlan, PartWork
from synth_engine.workspace import Artefact, Workspace

_SEED_BYTES = 8
_SHARES = "shares.json"


def plan_analysis(config: AnalyzeConfig, *, workspace_dir: str | Path = "engine-ws") -> PartsPlan:
    """Plan an analysis, so that others summarise its partitions. The first of three steps; `analyze` is all of them.

    An analysis that was begun with the same settings on the same data, and not finished, is gone on with. Of a large
    table one partition is summarised now: what it has tells which columns are sampled.

    Args:
        config: Parameters of `analyze`.
        workspace_dir: Path or fsspec URL of a workspace that was split.

    Raises:
        ArtefactError: the workspace was not split, its files are damaged, or nothing can be written.
        InputError: a setting that cannot be used, or a column that its encoding type cannot take.
    """
    workspace = Workspace(workspace_dir)
    analysis = Analysis.begin(workspace, config)
    settings = workspace.recorded(config.model_dump(mode="json"))
    facts = {"parts": analysis.parts, "inputs": analysis.inputs, "settings": settings}
    seed = workspace.seal(analysis.seed.to_bytes(_SEED_BYTES, "big"))
    with PartWork.begin(workspace, Artefact.SUMMARIES, facts, note=seed, alone=False) as work:
        if work.missing([_SHARES]):
            analysis = Analysis.begin(workspace, config, seed=_unsealed(workspace, work.draft.note))
            for part, summaries in analysis.first_look(analysis.parts).items():
                work.draft.write(part, summaries.to_bytes())
            work.draft.write(_SHARES, analysis.shares_to_json())
        return work.plan(analysis.parts, analysis.inputs, settings)


def summarise_parts(
    plan: PartsPlan,
    parts: Iterable[str] | None = None,
    *,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
) -> None:
    """Summarise some partitions of a plan, in any process on any machine that reaches the workspace. The second step.

    What has been summarised is not summarised again. One partition is in memory at a time.

    Args:
        plan: What `plan_analysis` returned.
        parts: Names of the partitions; None takes all that are missing.
        workspace_dir: The workspace that was planned in.
        update_progress: Called with the number of partitions done.

    Raises:
        ArtefactError: the data was replaced since, or the planned analysis was given up for another one.
        InputError: there is no such partition, or a column that its encoding type cannot take.
    """
    wanted, workspace = plan.chosen(parts), Workspace(workspace_dir)
    progress = Progress(update_progress, "analyze", total=len(wanted), unit="files")
    work = _opened(workspace, plan, alone=False)
    if work is None:
        progress.report(advance=len(wanted))
        return
    with work:
        analysis = _planned(workspace, plan, work)
        left = work.missing(wanted)
        progress.report(advance=len(wanted) - len(left))
        for part in left:
            work.draft.write(part, analysis.summary(part).to_bytes())
            progress.report(advance=1, file=part)


def finish_analysis(plan: PartsPlan, *, workspace_dir: str | Path = "engine-ws") -> None:
    """Make ``ModelStore/tgt-stats`` of the summaries of a plan, and remove these. The third step.

    Does nothing if it has been done. Thresholds and noise are drawn here, and what they cost is recorded.

    Args:
        plan: What `plan_analysis` returned.
        workspace_dir: The workspace that was planned in.

    Raises:
        ArtefactError: a partition was not summarised yet, or the planned analysis was given up for another one.
    """
    workspace = Workspace(workspace_dir)
    work = _opened(workspace, plan, alone=True)
    if work is None:
        return
    with work:
        if not work.is_complete(plan):
            return
        analysis = _planned(workspace, plan, work)
        summaries = Summaries.merged(Summaries.from_bytes(work.draft.read(part)) for part in plan.parts)
        analysis.finish(summaries, lambda column: None, stacklevel=2, draft=plan.draft_id)
        work.draft.discard()


def _opened(workspace: Workspace, plan: PartsPlan, *, alone: bool) -> PartWork | None:
    return PartWork.open(workspace, Artefact.SUMMARIES, plan, made=Artefact.TGT_STATS, alone=alone)


def _planned(workspace: Workspace, plan: PartsPlan, work: PartWork) -> Analysis:
    """The analysis as it was planned, with its seed and with what is sampled."""
    seed = _unsealed(workspace, plan.seed)
    given = seed if plan.settings["random_state"] is not None else None  # what is recorded of it is not the seed
    analysis = Analysis.begin(workspace, AnalyzeConfig.of(**{**plan.settings, "random_state": given}), seed=seed)
    work.check_inputs(plan, analysis.inputs)
    analysis.take_shares(work.draft.read(_SHARES))
    return analysis


def _unsealed(workspace: Workspace, seed: str) -> int:
    try:
        return int.from_bytes(workspace.unseal(seed), "big")
    except ValueError:
        raise ArtefactError(
            f"{workspace.root}: the analysis was planned in another workspace, or OriginalData/hash-key was lost "
            "since; plan it again"
        ) from None


def plan_encoding(*, workspace_dir: str | Path = "engine-ws") -> PartsPlan:
    """Plan an encoding, so that others encode its partitions. The first of three steps; `encode` is all of them.

    An encoding that was begun on the same data and statistics, and not finished, is gone on with.

    Args:
        workspace_dir: Path or fsspec URL of a workspace that was split and analyzed.

    Raises:
        ArtefactError: a stage before this one has not run on the data that is there, its files are damaged, or nothing
            can be written.
    """
    with EncodingWork.begin(Workspace(workspace_dir), alone=False) as encoding:
        return encoding.plan


def encode_parts(
    plan: PartsPlan,
    parts: Iterable[str] | None = None,
    *,
    workspace_dir: str | Path = "engine-ws",
    update_progress: ProgressCallback | None = None,
) -> None:
    """Encode some partitions of a plan, in any process on any machine that reaches the workspace. The second step.

    What has been encoded is not encoded again. One partition is in memory at a time.

    Args:
        plan: What `plan_encoding` returned.
        parts: Names of the partitions; None takes all that are missing.
        workspace_dir: The workspace that was planned in.
        update_progress: Called with the number of partitions done.

    Raises:
        ArtefactError: data or statistics were replaced since, or the planned encoding was given up for another one.
        InputError: there is no such partition.
    """
    wanted = plan.chosen(parts)
    progress = Progress(update_progress, "encode", total=len(wanted), unit="files")
    encoding = EncodingWork.open(Workspace(workspace_dir), plan, alone=False)
    if encoding is None:
        progress.report(advance=len(wanted))
        return
    with encoding:
        left = encoding.missing(wanted)
        progress.report(advance=len(wanted) - len(left))
        for part in left:
            progress.report(advance=1, file=part, rows=encoding.encode(part))


def finish_encoding(plan: PartsPlan, *, workspace_dir: str | Path = "engine-ws") -> None:
    """Make ``OriginalData/encoded-data`` of the partitions of a plan. The third step; does nothing if it has been done.

    Args:
        plan: What `plan_encoding` returned.
        workspace_dir: The workspace that was planned in.

    Raises:
        ArtefactError: a partition was not encoded yet, or the planned encoding was given up for another one.
    """
    encoding = EncodingWork.open(Workspace(workspace_dir), plan, alone=True)
    if encoding is not None:
        with encoding:
            encoding.finish()
