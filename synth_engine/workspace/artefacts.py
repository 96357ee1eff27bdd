"""The artefacts of a workspace: folder, and the stage that makes it. Names are an interface; other tools read them."""

from enum import Enum


class Artefact(Enum):
    """One folder of the workspace with a manifest of its own."""

    TGT_DATA = ("OriginalData/tgt-data", "split")
    TGT_META = ("OriginalData/tgt-meta", "split")
    CTX_DATA = ("OriginalData/ctx-data", "split")
    CTX_META = ("OriginalData/ctx-meta", "split")
    TGT_STATS = ("ModelStore/tgt-stats", "analyze")
    CTX_STATS = ("ModelStore/ctx-stats", "analyze")
    ENCODED_DATA = ("OriginalData/encoded-data", "encode")
    MODEL_DATA = ("ModelStore/model-data", "train")
    SYNTHETIC_DATA = ("SyntheticData", "generate")
    REPORT = ("QualityReport", "report")
    # Only ever a draft, which is gone when the statistics are there.
    SUMMARIES = ("OriginalData/summaries", "analyze")

    def __init__(self, folder: str, made_by: str) -> None:
        self.folder = folder
        self.made_by = made_by


TRAINING = "trn"
VALIDATION = "val"


def part_name(part: int, role: str | None = None) -> str:
    """``part.000003-trn.parquet``; without a role ``part.000003.parquet``."""
    return f"part.{part:06d}.parquet" if role is None else f"part.{part:06d}-{role}.parquet"
