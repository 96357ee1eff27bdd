"""Fused layers: what the obvious code does column by column, done in a few large products.

Belongs here: tensors, and later each layer's per-sample-gradient rule. Does not belong here: columns, files, encodings.

Shape legend: B rows of a batch, K sub-columns, G column orders in a batch, D embedding size, H hidden units per
sub-column, V codes of all sub-columns together.
"""

from synth_engine.nn.dropout import dropout
from synth_engine.nn.embedding import CodeEmbedding
from synth_engine.nn.heads import BucketedHeads
from synth_engine.nn.masked import MaskedBlocks
from synth_engine.nn.orders import precedence

__all__ = ["BucketedHeads", "CodeEmbedding", "MaskedBlocks", "dropout", "precedence"]
