"""Attacks are attacked: they must see copies, more of them the more there are, and must not see what is not there."""

from collections.abc import Callable

import pyarrow as pa
import pytest
from populations import attacks, coins, memorised, people

from synth_engine.evaluation.privacy import PrivacyAttacks, attack, closeness, matches, prepare

N = 2_000
SHARES = (0.0, 0.1, 0.3, 1.0)

# What each attack is judged by, and what it is where nothing was copied.
FIGURES: dict[str, Callable[[PrivacyAttacks], tuple]] = {
    "exact matches": lambda found: (found.matches.exact.excess, 0),
    "coarse matches": lambda found: (found.matches.coarse.excess, 0),
    "all but one": lambda found: (found.matches.all_but_one.excess, 0),
    "isolated": lambda found: (found.matches.isolated.excess, 0),
    "closeness": lambda found: (found.closeness.share_closer_to_training, 0.5),
    "distance": lambda found: (found.membership.distance.auc, 0.5),
    "density ratio": lambda found: (found.membership.density_ratio.auc, 0.5),
    "classifier": lambda found: (found.membership.classifier.auc, 0.5),
    "inference": lambda found: (_of_column(found, "owes").risk, 0),
    "inference of any column": lambda found: (found.attribute_inference.highest_risk, 0),
    "one column": lambda found: (found.singling_out.univariate.risk, 0),
    "several columns": lambda found: (found.singling_out.multivariate.risk, 0),
    "links": lambda found: (found.linkability.link.risk, 0),
}


def _of_column(found: PrivacyAttacks, name: str):
    return next(column for column in found.attribute_inference.columns if column.column == name)


@pytest.fixture(scope="module")
def found() -> dict[float, PrivacyAttacks]:
    training, holdout, fresh = (people(N, seed) for seed in (1, 2, 3))
    return {share: attack(training, holdout, memorised(share, training, fresh)) for share in SHARES}


@pytest.mark.parametrize("name", FIGURES)
def test_training_rows_in_place_of_synthetic_ones_are_found(found, name):
    figure, by_chance = FIGURES[name](found[1.0])
    assert figure.lower > by_chance


@pytest.mark.parametrize("name", FIGURES)
def test_new_people_in_place_of_synthetic_ones_are_not(found, name):
    """Each interval leaves out the truth with probability 0.05 over seeds; with this seed none of them does."""
    figure, by_chance = FIGURES[name](found[0.0])
    assert figure.lower <= by_chance <= figure.upper


@pytest.mark.parametrize("name", FIGURES)
def test_the_more_is_copied_the_higher_every_figure(found, name):
    values = [FIGURES[name](found[share])[0].value for share in SHARES]
    assert values == sorted(set(values))


def test_few_copies_are_found_with_near_certainty(found):
    for name in ("distance", "density_ratio"):
        detection = getattr(found[0.1].membership, name).at_01_percent
        assert detection.members.lower > 10 * detection.others.value, name
        assert 0.05 < detection.members.value < 0.15, name


def test_the_bound_on_epsilon_rises_and_is_zero_where_nothing_is_copied(found):
    bounds = [found[share].least_epsilon.at_least for share in SHARES]
    assert bounds[0] == 0
    assert bounds[1] > 1
    assert bounds == sorted(bounds)


def test_the_control_of_closeness_says_that_the_held_out_rows_are_of_the_same_population(found):
    for result in found.values():
        assert result.closeness.control.lower < 0.5 < result.closeness.control.upper


def test_a_held_out_sample_of_others_is_noticed_by_the_control():
    training, others = people(1_000, 1), people(4_000, 2)
    others = others.filter(pa.compute.greater(others["age"], 50)).slice(0, 1_000)
    result = closeness(prepare(training, others, people(1_000, 3)))
    assert result.control.upper < 0.5  # held-out rows are closer to each other


def test_results_explain_themselves_survive_json_and_hold_no_value(found):
    result = found[1.0]
    text = result.model_dump_json()
    assert PrivacyAttacks.model_validate_json(text) == result
    assert not any(value in text for value in ("job 1", "town 1", "2020"))
    for part in attacks():
        assert len(getattr(result, part).means) > 80
        assert len(getattr(result, part).does_not_mean) > 80


def test_the_same_seed_gives_the_same_result():
    tables = [people(150, seed) for seed in (1, 2, 3)]
    assert attack(*tables, seed=4) == attack(*tables, seed=4)
    assert attack(*tables, seed=4).closeness != attack(*tables, seed=5, max_rows=100).closeness


def test_one_copied_outlier_is_seen_by_exact_matches():
    training, holdout, synthetic = (people(N, seed) for seed in (1, 2, 3))
    outlier = pa.table(
        {**{name: training[name][:1] for name in training.column_names}, "income": pa.array([9e9])},
    )
    found = matches(prepare(pa.concat_tables([training, outlier]), holdout, pa.concat_tables([synthetic, outlier])))
    before = matches(prepare(training, holdout, synthetic))
    assert before.exact.training.hits == 0
    assert found.exact.training.hits == found.exact.holdout.hits + 1 == 1


def test_a_copied_outlier_that_nobody_resembles_is_among_the_isolated():
    training, holdout, synthetic = (coins(400, seed) for seed in (1, 2, 3))
    odd = pa.table({name: [None] for name in training.column_names}, training.schema)
    found = matches(prepare(pa.concat_tables([training, odd]), holdout, pa.concat_tables([synthetic, odd])))
    assert found.exact.training.hits == 401  # all of them, by chance
    assert (found.isolated.training.hits, found.isolated.holdout.hits) == (1, 0)


def test_rows_that_are_common_by_chance_raise_no_alarm():
    found = attack(*(coins(1_000, seed) for seed in (1, 2, 3)))
    assert found.matches.exact.training.value == found.matches.exact.holdout.value == 1
    assert found.matches.exact.p_value == 1
    assert found.membership.classifier.auc.lower < 0.5 < found.membership.classifier.auc.upper
    assert found.least_epsilon.at_least == 0
    assert found.closeness.share_closer_to_training.value == 0.5
