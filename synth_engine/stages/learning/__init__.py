"""What `train` is made of: the model and its regimes, what is spent of privacy, what is kept of a training.

Belongs here: how encoded data, settings and state come together in one training. Does not belong here: steps and their
loop (`synth_engine.training`), the network (`synth_engine.tabular`).
"""
