"""Report and gate: how good and how private the synthetic rows of a workspace are, and whether they may be published.

Belongs here: what is asked of a workspace, its answers as one object, their limits, and a page that people read. Does
not belong here: how a figure is found (`synth_engine.evaluation`), who publishes what where (the pipeline). No value of
a real row is in a report, only figures and names of columns.
"""

from synth_engine.report.files import current_report, make_report, read_report, write_report
from synth_engine.report.gate import Finding, Verdict, judge
from synth_engine.report.limits import CHECKS, Check, Limits, Severity
from synth_engine.report.measure import measure_report
from synth_engine.report.page import render
from synth_engine.report.results import Protection, QaFigures, Report, Tables

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Limits",
    "Protection",
    "QaFigures",
    "Report",
    "Severity",
    "Tables",
    "Verdict",
    "current_report",
    "judge",
    "make_report",
    "measure_report",
    "read_report",
    "render",
    "write_report",
]
