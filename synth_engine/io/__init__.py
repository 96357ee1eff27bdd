"""Tables in files: CSV (also compressed) and Parquet, at any path or URL that fsspec opens.

Belongs here: reading what users have, writing what they want. Does not belong here: the workspace's own files.
"""

from synth_engine.io.places import ENDINGS, format_of
from synth_engine.io.reading import read_table
from synth_engine.io.writing import check_target, write_table, write_tables

__all__ = ["ENDINGS", "check_target", "format_of", "read_table", "write_table", "write_tables"]
