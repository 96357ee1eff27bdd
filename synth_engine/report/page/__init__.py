"""The report as one HTML page: nothing is loaded, no script runs, everything that comes from data is escaped.

Belongs here: what stands where, in which words, and how it looks. Does not belong here: figures, limits.
"""

from synth_engine.report.page.rendering import render

__all__ = ["render"]
