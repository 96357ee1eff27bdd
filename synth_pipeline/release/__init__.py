"""Releasing synthetic rows: only what passes the gate, with evidence that others can verify.

Belongs here: what is published where, evidence and its signature, verifying. Does not belong here: what is measured and
judged (`synth_engine.report`), assets.
"""

from synth_pipeline.release.evidence import Evidence, Override
from synth_pipeline.release.publishing import Publication, Release, publish
from synth_pipeline.release.settings import ReportSettings, release_of
from synth_pipeline.release.verifying import verify

__all__ = ["Evidence", "Override", "Publication", "Release", "ReportSettings", "publish", "release_of", "verify"]
