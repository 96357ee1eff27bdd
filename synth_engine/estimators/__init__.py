"""Estimators: the five verbs and their model in scikit-learn's manner.

Belongs here: what an estimator is asked, and in which form it answers. Does not belong here: how a model is made or
what it computes. scikit-learn is not needed; where it is there, its `clone` takes these estimators.
"""

from synth_engine.estimators.language_model import LanguageModel
from synth_engine.estimators.tabular_argn import TabularARGN

__all__ = ["LanguageModel", "TabularARGN"]
