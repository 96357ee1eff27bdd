"""All attacks on the synthetic rows of one table, one after the other.

Belongs here: the order of things, and their results together. Does not belong here: attacks; thresholds.
"""

from collections.abc import Sequence

import pyarrow as pa

from synth_engine.evaluation.privacy.closeness import Closeness, closeness
from synth_engine.evaluation.privacy.features import MAX_ROWS, Prepared, prepare
from synth_engine.evaluation.privacy.inference import AttributeInference, attribute_inference
from synth_engine.evaluation.privacy.least_epsilon import LeastEpsilon, least_epsilon
from synth_engine.evaluation.privacy.linkability import Linkability, linkability
from synth_engine.evaluation.privacy.matches import Matches, matches
from synth_engine.evaluation.privacy.membership import Membership, all_scores, audit_of, membership
from synth_engine.evaluation.privacy.results import NotMeasured, Result
from synth_engine.evaluation.privacy.singling_out import SinglingOut, singling_out


class PrivacyAttacks(Result):
    """What came of all attacks.

    Attributes:
        unit: What was attacked: a ``row``, or a ``subject`` with all its events.
        n_training: Units in training.
        n_holdout: Held-out units.
        n_synthetic: Synthetic units.
        n_columns: Columns (of subjects: features) that attacks used.
        left_out: Columns that no attack used, as they hold lists or structures.
        matches: Rows that were copied.
        closeness: Distances to the closest record.
        membership: Who was in the training data.
        attribute_inference: Values of columns from those of others.
        singling_out: Descriptions that fit one person.
        linkability: Joining halves of a record.
        least_epsilon: What the generator certainly does not guarantee.
    """

    unit: str
    n_training: int
    n_holdout: int
    n_synthetic: int
    n_columns: int
    left_out: tuple[str, ...]
    matches: Matches | NotMeasured
    closeness: Closeness | NotMeasured
    membership: Membership | NotMeasured
    attribute_inference: AttributeInference | NotMeasured
    singling_out: SinglingOut | NotMeasured
    linkability: Linkability | NotMeasured
    least_epsilon: LeastEpsilon | NotMeasured
    means: str = (
        "How much the synthetic rows tell of people because they were in the training data, beyond what they tell of "
        "everybody. Every attack is also made on people who were not in it, and only the difference counts."
    )
    does_not_mean: str = (
        "A guarantee: attacks show leaks, never that there is none. Only training with differential privacy bounds "
        "what every attack can do. If people have several rows, or rows were not held out at random, the figures can "
        "be wrong."
    )


def attack(
    training: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    *,
    keys: Sequence[str] = (),
    context_key: str | None = None,
    seed: int = 0,
    max_rows: int = MAX_ROWS,
    delta: float = 0.0,
) -> PrivacyAttacks:
    """Attack synthetic rows in all ways.

    Args:
        training: What the generator learned from.
        holdout: Real rows of the same population that it has not seen; the split must have been by chance. Several
            thousand are wanted: with fewer, intervals are wide, and what needs more says so.
        synthetic: What it made.
        keys: Columns to ignore, such as primary keys.
        context_key: The column that says whose event a row is; then subjects are attacked, as features of their events.
        seed: Of all samples; the same seed gives the same result.
        max_rows: Rows of each origin at most, where all pairs are compared; fewer of wide tables. Matches use all rows.
        delta: The δ of the differential privacy that is claimed, for the lower bound on ε.

    Raises:
        InputError: If tables have different columns, a column has kinds of values that cannot be compared, or
            scikit-learn is missing.
    """
    prepared = prepare(training, holdout, synthetic, keys=keys, context_key=context_key)
    who, what = _membership(prepared, seed, max_rows, delta)
    return PrivacyAttacks(
        unit=prepared.unit,
        n_training=len(prepared.training),
        n_holdout=len(prepared.holdout),
        n_synthetic=len(prepared.synthetic),
        n_columns=len(prepared.names),
        left_out=prepared.left_out,
        matches=matches(prepared),
        closeness=closeness(prepared, seed=seed, max_rows=max_rows),
        membership=who,
        attribute_inference=attribute_inference(prepared, seed=seed, max_rows=max_rows),
        singling_out=singling_out(prepared, seed=seed, max_rows=max_rows),
        linkability=linkability(prepared, seed=seed, max_rows=max_rows),
        least_epsilon=what,
    )


def _membership(
    prepared: Prepared, seed: int, max_rows: int, delta: float
) -> tuple[Membership | NotMeasured, LeastEpsilon | NotMeasured]:
    audit = audit_of(prepared, seed=seed, max_rows=max_rows)
    if isinstance(audit, NotMeasured):
        return audit, audit
    scores = all_scores(audit)
    return membership(audit, scores), least_epsilon(audit, scores, delta=delta, seed=seed)
