"""The five verbs. Each stage reads artefacts, calls the layers below and writes its own artefact whole.

Belongs here: the order of steps, which artefact comes from which. Does not belong here: how any step works.
"""

from synth_engine.stages.analyze import analyze
from synth_engine.stages.encode import encode
from synth_engine.stages.generate import generate
from synth_engine.stages.generating.generation import GenerationPlan
from synth_engine.stages.relations import Subjects
from synth_engine.stages.shards import draw_shards, finish_generation, plan_generation
from synth_engine.stages.split import split
from synth_engine.stages.suggestions import ColumnSuggestion, TableSuggestion, suggest
from synth_engine.stages.train import train

__all__ = [
    "ColumnSuggestion",
    "GenerationPlan",
    "Subjects",
    "TableSuggestion",
    "analyze",
    "draw_shards",
    "encode",
    "finish_generation",
    "generate",
    "plan_generation",
    "split",
    "suggest",
    "train",
]
