"""Publishing: rows, report and signed evidence go to a folder of their own; then the newest is named.

What is published lies at ``<publish_to>/<dataset>/<version>/``: ``data/part.000000.parquet``…, ``report.html``,
``report.json``, ``evidence.json`` and, last of all, ``evidence.sig``. A folder without a signature is not published.
``<publish_to>/<dataset>/latest.json`` names the version that was published last, and is replaced as a whole.

Belongs here: what is written in which order. Does not belong here: whether it may be (`synth_engine.report`).
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from upath import UPath

from synth_engine.domain import UserError, harmless
from synth_engine.report import Report, Verdict
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.release.evidence import Evidence, Override, model_files, told_settings

EVIDENCE, SIGNATURE, LATEST, PUBLIC_KEY = "evidence.json", "evidence.sig", "latest.json", "signing-key.pub.pem"


@dataclass(frozen=True)
class Publication:
    """What was published.

    Attributes:
        folder: Where.
        evidence: What is known of it.
        is_new: Whether it was not there already.
    """

    folder: UPath
    evidence: Evidence
    is_new: bool


@dataclass(frozen=True)
class Release:
    """What is to be published.

    Attributes:
        dataset: Its name.
        config: Its settings.
        workspace: Where everything is.
        report: Of what is there now.
        verdict: By the dataset's limits.
        override: Who publishes against it.
        run_id: Of the run that publishes.
    """

    dataset: str
    config: DatasetConfig
    workspace: Workspace
    report: Report
    verdict: Verdict
    override: Override | None
    run_id: str


def publish(release: Release, publish_to: UPath) -> Publication:
    """Copy what may be published, sign it, and name it as the newest.

    Guarantees: a reader who follows ``latest.json`` or looks for ``evidence.sig`` sees a whole publication or none,
    also where a publisher was killed; the same content is published once.

    Raises:
        UserError: the verdict does not allow it and nobody overrides it; the report is of other rows; it cannot be
            written; the key cannot be used.
    """
    if not release.verdict.passed and release.override is None:
        raise UserError("the checks do not allow publishing")
    from synth_pipeline.release.signing import public_pem, signing_key  # a twelfth of a second at every start else

    key = signing_key()
    contents = _contents(release)
    hashes = {name: sha256 for name, (sha256, _) in contents.items()}
    version = _version(release, hashes)
    folder = publish_to / release.dataset / version
    with _explained(folder):
        folder.fs.invalidate_cache()
        found = _published(folder)
        if found is None:
            evidence = _evidence(release, version, hashes)
            _write(folder, contents, release.workspace)
            content = (evidence.model_dump_json(indent=1) + "\n").encode()
            (folder / EVIDENCE).write_bytes(content)
            (folder / SIGNATURE).write_bytes(base64.b64encode(key.sign(content)) + b"\n")
        else:
            evidence = found
        _replace(publish_to / PUBLIC_KEY, public_pem(key))
        latest = {"version": version, "published": evidence.published.isoformat()}
        _replace(folder.parent / LATEST, (json.dumps(latest) + "\n").encode())
    return Publication(folder, evidence, is_new=found is None)


_Contents = dict[str, tuple[str, tuple[Artefact, str]]]


def _contents(release: Release) -> _Contents:
    """Hash and place of each file that is published, by its name."""
    rows = release.workspace.manifest(Artefact.SYNTHETIC_DATA)
    report = release.workspace.manifest(Artefact.REPORT)
    if release.report.inputs.get(Artefact.SYNTHETIC_DATA.folder) != rows.digest:
        raise UserError(
            "the report is about other rows than those that are there now; materialise quality_report again"
        )
    found: _Contents = {
        f"data/{name}": (entry.sha256, (Artefact.SYNTHETIC_DATA, name)) for name, entry in rows.files.items()
    }
    return found | {name: (entry.sha256, (Artefact.REPORT, name)) for name, entry in report.files.items()}


def _version(release: Release, hashes: dict[str, str]) -> str:
    """The same for the same content and settings."""
    override = None if release.override is None else release.override.model_dump()
    told = [sorted(hashes.items()), release.verdict.model_dump(mode="json"), told_settings(release.config), override]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _evidence(release: Release, version: str, hashes: dict[str, str]) -> Evidence:
    return Evidence(
        dataset=release.dataset,
        version=version,
        published=datetime.now(UTC).replace(microsecond=0),
        run_id=release.run_id,
        files=hashes,
        model=model_files(release.workspace.manifest(Artefact.MODEL_DATA)),
        inputs=release.report.inputs,
        settings=told_settings(release.config),
        ledger=release.workspace.ledger.entries(),
        versions=release.report.versions,
        verdict=release.verdict,
        override=release.override,
    )


def _published(folder: UPath) -> Evidence | None:
    """Evidence of a publication that is complete."""
    try:
        if not (folder / SIGNATURE).exists():
            return None
        return Evidence.model_validate_json((folder / EVIDENCE).read_bytes())
    except (FileNotFoundError, ValueError):  # of a publisher that was killed, or damaged: it is written anew
        return None


def _write(folder: UPath, contents: _Contents, workspace: Workspace) -> None:
    readers = {artefact: workspace.read(artefact) for artefact in (Artefact.SYNTHETIC_DATA, Artefact.REPORT)}
    (folder / SIGNATURE).unlink(missing_ok=True)
    for name, (_, (artefact, file)) in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(readers[artefact].bytes(file))  # checked against its manifest


def _replace(path: UPath, content: bytes) -> None:
    """Write a small file as a whole: object stores do so anyway."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.protocol not in ("", "file", "local"):
        path.write_bytes(content)
        return
    draft = path.with_name(f".{path.name}.{hashlib.sha256(content).hexdigest()[:8]}")
    draft.write_bytes(content)
    draft.rename(path)


@contextmanager
def _explained(folder: UPath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        told = error.strerror or str(error) or type(error).__name__
        raise UserError(
            f"{folder}: cannot be written: {told}; mend it, or name another place in release.publish_to"
        ) from harmless(error)
