"""Shadow models: the strongest attack on a generator's settings, made by whoever has the data.

Some people are put into the training of a small model or left out of it by a coin, many times over; then it is counted
how well the coin can be guessed from what came out (Shokri et al., "Membership inference attacks against machine
learning models", 2017; Carlini et al., "Membership inference attacks from first principles", 2022; on synthetic data
Stadler, Oprisanu and Troncoso, "Synthetic data – anonymisation groundhog day", 2022). It says what the *settings* of a
workspace can leak about people who stand out, which attacks on one synthetic table cannot: there such people are few.

Belongs here: whom to ask, one small training, counting. Each part is a function of its own, so that trainings can be
spread over processes and machines. Does not belong here: attacks on finished rows (`synth_engine.evaluation.privacy`).
"""

from synth_engine.audit.counting import ShadowAudit, finish_audit
from synth_engine.audit.plan import AuditPlan, plan_audit
from synth_engine.audit.shadow import Shadow, train_shadow

__all__ = ["AuditPlan", "Shadow", "ShadowAudit", "finish_audit", "plan_audit", "train_shadow"]
