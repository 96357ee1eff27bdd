"""Fused layers: what the obvious code does column by column, done in a few large products.

Belongs here: tensors, and of each layer what norms of single records' gradients are made of (`Taps`). Does not belong
here: columns, files, encodings.

Shape legend: B rows of a batch, K sub-columns, G column orders in a batch, D embedding size, H hidden units per
sub-column, V codes of all sub-columns together.
"""

from synth_engine.nn.dropout import dropout, random_bytes
from synth_engine.nn.embedding import CodeEmbedding
from synth_engine.nn.heads import BucketedHeads
from synth_engine.nn.masked import MaskedBlocks
from synth_engine.nn.orders import precedence
from synth_engine.nn.pairs import RowTaps
from synth_engine.nn.taps import Listener, Taps, Vectors, linear

__all__ = [
    "BucketedHeads",
    "CodeEmbedding",
    "Listener",
    "MaskedBlocks",
    "RowTaps",
    "Taps",
    "Vectors",
    "dropout",
    "linear",
    "precedence",
    "random_bytes",
]
