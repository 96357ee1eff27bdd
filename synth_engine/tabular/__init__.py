"""The tabular model: layout of the columns, network, its training task, its sampler.

Belongs here: what turns code matrices into a model and back. Does not belong here: files, encodings' formats, loops.
"""
