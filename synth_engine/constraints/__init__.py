"""Constraints on finished rows: what their words mean in a column of some type, and which rows break them.

Belongs here: what keeping, checking and measuring need to understand alike. Does not belong here: how rows are drawn so
that they keep them, which is generation's part.
"""

from synth_engine.constraints.checking import broken, violations
from synth_engine.constraints.values import as_written, range_of, texts_of, written

__all__ = ["as_written", "broken", "range_of", "texts_of", "violations", "written"]
