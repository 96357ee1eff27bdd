"""A judge of our own: gradient boosting that learns to tell two sets of rows apart.

Unlike the discriminator of `mostlyai-qa`, which sees text embeddings of rows, it sees exact values, and so popular
amounts that were blurred. It is the engine's own, by the name that the benchmarks use.
"""

from synth_engine.evaluation.discriminator import chance_deviation, judge_auc

__all__ = ["chance_deviation", "judge_auc"]
