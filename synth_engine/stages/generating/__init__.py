"""What `generate` is made of: what is wanted of rows, rows shard by shard, and their way into the artefact.

Belongs here: seeds, shares, parity and constraints in terms of codes; shards. Does not belong here: how codes are
drawn (`synth_engine.tabular`), how files are staged (`synth_engine.workspace`).
"""
