"""The five verbs. Each stage reads artefacts, calls the layers below and writes its own artefact whole.

Belongs here: the order of steps, which artefact comes from which. Does not belong here: how any step works.
"""

from synth_engine.stages.analyze import analyze
from synth_engine.stages.encode import encode
from synth_engine.stages.generate import generate
from synth_engine.stages.generating.generation import GenerationPlan
from synth_engine.stages.part_work import PartsPlan
from synth_engine.stages.parts import (
    encode_parts,
    finish_analysis,
    finish_encoding,
    plan_analysis,
    plan_encoding,
    summarise_parts,
)
from synth_engine.stages.relations import Subjects
from synth_engine.stages.shards import draw_shards, finish_generation, plan_generation
from synth_engine.stages.split import split
from synth_engine.stages.suggestions import ColumnSuggestion, TableSuggestion, suggest
from synth_engine.stages.train import train

__all__ = [
    "ColumnSuggestion",
    "GenerationPlan",
    "PartsPlan",
    "Subjects",
    "TableSuggestion",
    "analyze",
    "draw_shards",
    "encode",
    "encode_parts",
    "finish_analysis",
    "finish_encoding",
    "finish_generation",
    "generate",
    "plan_analysis",
    "plan_encoding",
    "plan_generation",
    "split",
    "suggest",
    "summarise_parts",
    "train",
]
