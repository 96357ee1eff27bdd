"""Membership inference: can somebody who holds the synthetic rows tell who was in the training data?

Belongs here: scores that shall be higher for training rows, and how well they tell. Does not belong here: what follows
for ε (`least_epsilon`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from synth_engine.domain.randomness import derive_seed, generator
from synth_engine.evaluation.extras import check_installed, one_thread
from synth_engine.evaluation.privacy.features import MAX_ROWS, Prepared, Rows, Space
from synth_engine.evaluation.privacy.intervals import auc, share
from synth_engine.evaluation.privacy.neighbours import nearest
from synth_engine.evaluation.privacy.results import Estimate, NotMeasured, Result, Share

_LEAST = 40  # units of each origin
_MOST_CATEGORIES = 250  # gradient boosting takes up to 255 bins
Scores = npt.NDArray[np.float64]


class Detection(Result):
    """How many members are found if so many others are accused wrongly at most.

    Attributes:
        members: Share of the members whose scores are above the threshold.
        others: Share of the non-members that are above it too. The threshold is the lowest that keeps their share
            within the limit.
    """

    members: Share
    others: Share


class MembershipAttack(Result):
    """One attack.

    Attributes:
        auc: Probability that a member's score is higher than a non-member's; ties count half. 0.5 is chance.
        at_1_percent: Members found with at most 1 % of the others accused wrongly.
        at_01_percent: The same with 0.1 %: who is found there is found with near certainty.
        n_members: Members that were scored.
        n_non_members: Held-out units that were scored, of which the attacker has seen none.
    """

    auc: Estimate
    at_1_percent: Detection | NotMeasured
    at_01_percent: Detection | NotMeasured
    n_members: int
    n_non_members: int


class Membership(Result):
    """All membership attacks.

    Attributes:
        distance: Score: how close the closest synthetic unit is.
        density_ratio: Score: how much denser synthetic units lie there than those of a reference sample (DOMIAS).
        classifier: Score: the odds of a classifier that tells synthetic units from a reference sample.
    """

    distance: MembershipAttack
    density_ratio: MembershipAttack
    classifier: MembershipAttack
    means: str = (
        "How well an attacker who has the synthetic rows, and some people of the same population, can tell whether a "
        "given person was in the training data. 0.5 of the area under the curve is guessing. The shares found at few "
        "false accusations matter more: they show people who stand out, whom a mean hides."
    )
    does_not_mean: str = (
        "That no attack succeeds because these do not: an attacker who knows how the generator was trained can do "
        "better. There are three attacks with several intervals each, of which one in twenty is wrong by chance."
    )

    @property
    def worst(self) -> MembershipAttack:
        """The attack whose AUC is the most certain to be above chance."""
        return max((self.distance, self.density_ratio, self.classifier), key=lambda attack: attack.auc.lower)


@dataclass(frozen=True)
class Audit:
    """Who is asked, and what the attacker knows: points, all drawn at random.

    Attributes:
        space: Where they lie as points.
        members: Training units.
        non_members: Held-out units, as many as members at most.
        reference: The other held-out units, which the attacker has.
        synthetic: Synthetic units, which the attacker has.
        is_ordered: Of each column, whether its values have an order.
        seed: Of the classifier.
    """

    space: Space
    members: Rows
    non_members: Rows
    reference: Rows
    synthetic: Rows
    is_ordered: tuple[bool, ...]
    seed: int

    @property
    def asked(self) -> Rows:
        """Members, and then non-members."""
        pair = self.members, self.non_members
        return Rows(*(np.concatenate([getattr(r, name) for r in pair]) for name in ("codes_RC", "ranks_RC")))

    def split(self, scores: Scores) -> tuple[Scores, Scores]:
        """Scores of members, and of non-members."""
        return scores[: len(self.members)], scores[len(self.members) :]

    @cached_property
    def to_synthetic(self) -> npt.NDArray[np.float64]:
        """Distance of everybody asked to the closest synthetic unit."""
        return nearest(self.space.points(self.asked), self.space.points(self.synthetic))[0][:, 0]


def audit_of(prepared: Prepared, *, seed: int = 0, max_rows: int = MAX_ROWS) -> Audit | NotMeasured:
    """Draw who is asked: half of the held-out units, and as many training units; the other half is the reference."""
    lacking = prepared.lacks(_LEAST)
    if lacking:
        return NotMeasured(not_measured=lacking)
    space, rng = Space.of(prepared), generator(seed, "privacy", "membership")
    most = space.most(max_rows)
    holdout = prepared.holdout.shuffled(rng)
    half = len(holdout) // 2
    n_asked = min(half, len(prepared.training), most)
    return Audit(
        space=space,
        members=prepared.training.shuffled(rng, n_asked),
        non_members=holdout.take(np.arange(n_asked)),
        reference=holdout.take(np.arange(half, min(len(holdout), half + most))),
        synthetic=prepared.synthetic.shuffled(rng, most),
        is_ordered=prepared.is_ordered,
        seed=derive_seed(seed, "privacy", "classifier") % 2**32,
    )


def distance_scores(audit: Audit) -> Scores:
    """Nearness of the closest synthetic unit (Chen et al., "GAN-Leaks", 2020)."""
    return -audit.to_synthetic


def density_ratio_scores(audit: Audit) -> Scores:
    """Logarithm of the density of synthetic units over that of the population, up to a factor and a summand.

    DOMIAS (van Breugel, Sun, Qian and van der Schaar, "Membership inference attacks against synthetic data through
    overfitting detection", AISTATS 2023) takes what is dense among synthetic units, but not among people, for a trace
    of a training row. Densities are those of the nearest neighbour (Loftsgaarden and Quesenberry, 1965), which
    need no grid in many dimensions. A hundredth of the usual distance is added to both, as equal rows are 0 apart.
    """
    to_reference = nearest(audit.space.points(audit.asked), audit.space.points(audit.reference))[0][:, 0]
    least = max(float(np.median(to_reference)), 0.01) / 100
    return np.log(to_reference + least) - np.log(audit.to_synthetic + least)


def classifier_scores(audit: Audit) -> Scores:
    """Log odds of gradient boosting that tells synthetic units from the reference; fine trees, as it shall memorise.

    Raises:
        InputError: If scikit-learn is missing.
    """
    check_installed("the classifier of the membership attacks")
    from sklearn.ensemble import HistGradientBoostingClassifier

    known = [audit.synthetic, audit.reference]
    columns = [_Tabulated.of(audit, place) for place in range(len(audit.is_ordered))]
    model = HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.15,
        max_leaf_nodes=63,
        min_samples_leaf=5,
        class_weight="balanced",
        categorical_features=[not ordered for ordered in audit.is_ordered],
        early_stopping=False,
        random_state=audit.seed,
    )
    rows = np.concatenate([_table(columns, part) for part in known])
    with one_thread():
        model.fit(rows, np.repeat([1, 0], [len(part) for part in known]))
        return np.asarray(model.decision_function(_table(columns, audit.asked)), np.float64)


@dataclass(frozen=True)
class _Tabulated:
    """A column as the classifier takes it: ranks, or codes of the commonest categories, the others being one."""

    place: int
    codes: npt.NDArray[np.float64] | None

    @classmethod
    def of(cls, audit: Audit, place: int) -> "_Tabulated":
        seen = np.concatenate([part.codes_RC[:, place] for part in (audit.synthetic, audit.reference)])
        if audit.is_ordered[place] and seen.any():
            return cls(place, None)
        most = max(int(part.codes_RC[:, place].max()) for part in (audit.synthetic, audit.reference, audit.asked))
        if audit.is_ordered[place]:  # trees cannot be given a column without a single value
            return cls(place, np.zeros(most + 1))
        counts = np.bincount(seen, minlength=most + 1)
        codes = np.zeros(most + 1)
        commonest = np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES]
        codes[commonest] = np.arange(1, len(commonest) + 1)
        return cls(place, codes)

    def values(self, rows: Rows) -> npt.NDArray[np.float64]:
        codes = rows.codes_RC[:, self.place]
        if self.codes is not None:
            return self.codes[codes]
        return np.where(codes == 0, np.nan, rows.ranks_RC[:, self.place])


def _table(columns: list[_Tabulated], rows: Rows) -> npt.NDArray[np.float64]:
    return np.column_stack([column.values(rows) for column in columns])


def all_scores(audit: Audit) -> dict[str, Scores]:
    """Scores of all attacks, by the names of the fields of `Membership`; shape (members and then non-members,)."""
    attacks = {"distance": distance_scores, "density_ratio": density_ratio_scores, "classifier": classifier_scores}
    return {name: scores(audit) for name, scores in attacks.items()}


def membership(audit: Audit, scores: dict[str, Scores]) -> Membership:
    """How well scores tell members from others.

    Args:
        audit: Who was asked.
        scores: What `all_scores` found.
    """
    found = {name: judged(*audit.split(values)) for name, values in scores.items()}
    return Membership(distance=found["distance"], density_ratio=found["density_ratio"], classifier=found["classifier"])


def judged(members: Scores, non_members: Scores) -> MembershipAttack:
    """How well scores, which shall be higher for members, tell them from the others."""
    return MembershipAttack(
        auc=auc(members, non_members),
        at_1_percent=detection(members, non_members, 0.01),
        at_01_percent=detection(members, non_members, 0.001),
        n_members=len(members),
        n_non_members=len(non_members),
    )


def detection(members: Scores, non_members: Scores, limit: float) -> Detection | NotMeasured:
    """Members above the lowest threshold that keeps the share of non-members above it within `limit`.

    True positives at few false ones are what Carlini et al. ("Membership inference attacks from first principles",
    2022) judge by. The interval takes the threshold as given.
    """
    accused = int(len(non_members) * limit + 1e-9)
    if accused < 1:
        least = round(1 / limit)
        return NotMeasured(not_measured=f"needs at least {least:,} held-out non-members, found {len(non_members):,}")
    threshold = np.sort(non_members)[-accused - 1]
    found, wrong = int((members > threshold).sum()), int((non_members > threshold).sum())
    return Detection(members=share(found, len(members)), others=share(wrong, len(non_members)))
