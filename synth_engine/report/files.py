"""The report as an artefact of the workspace: written whole, with a manifest that tells what it is about.

Belongs here: names of files, and whether a report is of what is there now. Does not belong here: what is in it.
"""

from pathlib import Path

from pydantic import ValidationError
from upath import UPath

from synth_engine._version import __version__
from synth_engine.domain import ArtefactError, ProgressCallback
from synth_engine.report.gate import judge
from synth_engine.report.limits import Limits
from synth_engine.report.measure import measure_report
from synth_engine.report.page import render
from synth_engine.report.results import Report
from synth_engine.report.samples import inputs_of
from synth_engine.workspace import Artefact, ArtefactReader, Manifest, Workspace

JSON, PAGE = "report.json", "report.html"
Place = str | Path | UPath


def make_report(
    workspace_dir: Place,
    *,
    name: str | None = None,
    seed: int = 0,
    qa: bool = False,
    limits: Limits | None = None,
    update_progress: ProgressCallback | None = None,
) -> Report:
    """Measure a workspace, and write ``QualityReport/report.json`` and ``report.html``; see `measure_report`.

    What was measured of the artefacts that are there now, in the same way, is not measured again.

    Args:
        workspace_dir: The workspace.
        name: What the report calls the dataset.
        seed: Of all samples.
        qa: Whether to ask `mostlyai-qa` as well. Its own page shows real values, and goes to
            ``OriginalData/qa-report.html``.
        limits: What the page's verdict is by; None is the defaults.
        update_progress: Called after each part.
    """
    workspace = Workspace(workspace_dir)
    found = current_report(workspace.root)
    if found is not None and _answers(found, name, seed, qa):
        write_report(found, workspace.root, limits=limits)
        return found
    report, qa_page = measure_report(workspace.root, name=name, seed=seed, qa=qa, update_progress=update_progress)
    write_report(report, workspace.root, limits=limits)
    if qa_page is not None:
        workspace.write_file(qa_page.name, qa_page.content)
    return report


def write_report(report: Report, workspace_dir: Place, *, limits: Limits | None = None) -> None:
    """Write a report in place of the one that is there, if it is still about what is there.

    Raises:
        ArtefactError: artefacts have changed since it was measured, or it cannot be written.
    """
    workspace = Workspace(workspace_dir)
    inputs = inputs_of(workspace)
    if _digests(inputs) != report.inputs:
        raise ArtefactError(
            f"{workspace.folder(Artefact.REPORT)}: artefacts have changed since the report was measured; measure again"
        )
    limits = limits or Limits()
    config = {
        "name": report.name,
        "seed": report.seed,
        "qa": "mostlyai-qa" in report.versions,  # asked, whether it answered or not
        "limits": limits.model_dump(mode="json"),
    }
    with workspace.replace(Artefact.REPORT, config=config, inputs=inputs) as writer:
        writer.write_bytes(JSON, report.model_dump_json(indent=1).encode())
        writer.write_bytes(PAGE, render(report, judge(report, limits), limits).encode())


def read_report(workspace_dir: Place) -> Report:
    """The report of a workspace, whatever it is about; raises `ArtefactError` where there is none or it is damaged."""
    return _parsed(Workspace(workspace_dir).read(Artefact.REPORT))


def current_report(workspace_dir: Place) -> Report | None:
    """The report of a workspace if it is about the artefacts that are there now; None otherwise."""
    workspace = Workspace(workspace_dir)
    if not workspace.has(Artefact.REPORT):
        return None
    report = read_report(workspace.root)
    return report if report.inputs == _digests(inputs_of(workspace)) else None


def _answers(report: Report, name: str | None, seed: int, qa: bool) -> bool:
    is_asked = "mostlyai-qa" in report.versions
    return (
        report.seed == seed
        and is_asked == qa
        and report.name == name
        and report.versions["synth-engine"] == __version__
    )


def _parsed(reader: ArtefactReader) -> Report:
    try:
        return Report.model_validate_json(reader.bytes(JSON))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ArtefactError(
            f"{JSON}: expected a report of this version, it is damaged or of another one at {where}; make it again"
        ) from None


def _digests(inputs: dict[Artefact, Manifest]) -> dict[str, str]:
    return {artefact.folder: manifest.digest for artefact, manifest in inputs.items()}
