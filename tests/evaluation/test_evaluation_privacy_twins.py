"""Fast ways against slow ones: neighbours, areas, intervals, matches, bounds on ε; each against loops or draws."""

import itertools
import math

import numpy as np
import pytest
from populations import coins, people

from synth_engine.evaluation.privacy import matches, prepare
from synth_engine.evaluation.privacy.features import Space
from synth_engine.evaluation.privacy.inference import _closest_by_others
from synth_engine.evaluation.privacy.intervals import auc, difference, more_than_chance, risk_of, share, wilson
from synth_engine.evaluation.privacy.least_epsilon import _by_guesses
from synth_engine.evaluation.privacy.neighbours import nearest


@pytest.fixture(scope="module")
def prepared():
    return prepare(people(120, 1), people(90, 2), people(70, 3))


@pytest.mark.parametrize("k", [1, 3])
def test_neighbours(prepared, k):
    space = Space.of(prepared)
    queries, records = space.points(prepared.synthetic), space.points(prepared.training)
    distances, places = nearest(queries, records, k)
    for query, found, where in zip(queries, distances, places, strict=True):
        slow = sorted(math.dist(query.astype(float), record.astype(float)) for record in records)[:k]
        assert found == pytest.approx(slow, abs=1e-4)
        assert found == pytest.approx([math.dist(query.astype(float), records[p].astype(float)) for p in where])


def test_equal_rows_are_at_distance_zero(prepared):
    points = Space.of(prepared).points(prepared.training)
    assert (nearest(points, points)[0] == 0).all()


def test_distances_count_columns_in_the_manner_of_gower(prepared):
    """Categories by 0 and 1 (those with many values on average), numbers by ranks, missing ones apart."""
    space, rows = Space.of(prepared), prepared.training
    for place, (name, ordered) in enumerate(zip(prepared.names, prepared.is_ordered, strict=True)):
        points, codes, ranks = space.points(rows, [place]), rows.codes_RC[:, place], rows.ranks_RC[:, place]
        apart = []
        for one, other in itertools.combinations(range(40), 2):
            squared = float(((points[one] - points[other]) ** 2).sum())
            if codes[one] == codes[other]:
                assert squared == 0
            elif ordered and (codes[one] == 0) == (codes[other] == 0):
                assert squared == pytest.approx((ranks[one] - ranks[other]) ** 2, abs=1e-6)
            elif not ordered:
                apart.append(squared)
        assert not apart or np.mean(apart) == pytest.approx(1, abs=0.15), name


def test_neighbours_by_all_columns_but_one(prepared):
    space = Space.of(prepared)
    found = _closest_by_others(space, prepared.training, prepared.synthetic)
    for place in range(len(prepared.names)):
        others = [column for column in range(len(prepared.names)) if column != place]
        queries, records = (space.points(rows, others) for rows in (prepared.training, prepared.synthetic))
        least = nearest(queries, records)[0][:, 0]
        assert np.linalg.norm(queries - records[found[:, place]], axis=1) == pytest.approx(least, abs=1e-3)


@pytest.mark.parametrize("n_values", [3, 1_000_000])
def test_areas(n_values):
    rng = np.random.default_rng(0)
    members, others = rng.integers(1, n_values + 1, 40).astype(float), rng.integers(0, n_values, 30).astype(float)
    found = auc(members, others)
    wins = np.array([[(m > o) + (m == o) / 2 for o in others] for m in members])
    assert found.value == pytest.approx(wins.mean())
    variance = wins.mean(1).var(ddof=1) / 40 + wins.mean(0).var(ddof=1) / 30
    assert (found.upper - found.value) / 1.959964 == pytest.approx(math.sqrt(variance))


def test_areas_without_overlap_are_not_certain():
    found = auc(np.arange(10.0) + 10, np.arange(10.0))
    assert found.value == found.upper == 1
    assert 0.5 < found.lower < 1


def test_all_kinds_of_matches():
    prepared = prepare(*(coins(7, seed) for seed in (1, 2, 3)))
    training, holdout, synthetic = (rows.codes_RC.tolist() for rows in prepared.origins)
    found = matches(prepared)
    for rows, name in ((training, "training"), (holdout, "holdout")):
        equal = [[sum(a == b for a, b in zip(row, other, strict=True)) for other in synthetic] for row in rows]
        assert getattr(found.exact, name).hits == sum(max(row) == 4 for row in equal)
        assert getattr(found.all_but_one, name).hits == sum(max(row) >= 3 for row in equal)


def test_expected_shares_among_equally_many():
    tables = coins(9, 1), coins(4, 2), coins(30, 3)
    found, prepared = matches(prepare(*tables)).exact, prepare(*tables)
    rows = [list(map(tuple, part.codes_RC.tolist())) for part in prepared.origins]
    shares = [np.mean([row in some for row in rows[2]]) for some in itertools.combinations(rows[0], 4)]
    assert found.synthetic_in_training == pytest.approx(np.mean(shares))
    assert found.synthetic_in_holdout == pytest.approx(np.mean([row in rows[1] for row in rows[2]]))


def test_chance_deals_hits_as_by_lot():
    one, other = share(5, 8), share(1, 6)
    dealt = [sum(deal < 6 for deal in lot) >= 5 for lot in itertools.combinations(range(14), 8)]
    assert more_than_chance(one, other) == pytest.approx(np.mean(dealt))
    assert more_than_chance(share(0, 8), other) == 1


@pytest.mark.parametrize(("p", "q", "n"), [(0.3, 0.2, 500), (0.99, 0.95, 400), (0.02, 0.01, 1_000), (0.5, 0.5, 60)])
def test_intervals_hold_the_truth_as_often_as_they_say(p, q, n):
    """400 draws: 95 % of them are 380, with a standard deviation of 4.4; less than 364 has a probability of 2e-4."""
    rng = np.random.default_rng(0)
    held = np.zeros(4)
    for one, other in zip(rng.binomial(n, p, 400), rng.binomial(n, q, 400), strict=True):
        a, b = share(int(one), n), share(int(other), n)
        pairs = [(a, p), (wilson(a.value, n), p), (difference(a, b), p - q)]
        pairs.append((risk_of(a, b, 0.0).risk, (p - q) / (1 - q)))
        held += [found.lower <= truth <= found.upper for found, truth in pairs]
    assert (held >= 364).all(), held


def test_risks_at_the_ends():
    assert risk_of(share(50, 50), share(0, 50), 0.0).risk.value == 1
    nothing_to_gain = risk_of(share(50, 50), share(50, 50), 0.0).risk
    assert (nothing_to_gain.value, nothing_to_gain.lower, nothing_to_gain.upper) == (0, -1, 1)
    assert risk_of(share(5, 50), share(4, 50), 0.1).is_weak
    assert not risk_of(share(6, 50), share(4, 50), 0.1).is_weak


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
def test_bounds_on_epsilon_hold_for_randomised_response(epsilon):
    """Guesses that are right with the probability that ε allows: at most 5 % of bounds may be above it (limit: 4 σ)."""
    rights = np.random.default_rng(0).binomial(200, 1 / (1 + math.exp(-epsilon)), 400)
    bounds = {right: _by_guesses(int(right), 200 - int(right), 0.0, 400, 0.05) for right in np.unique(rights)}
    too_high = np.mean([bounds[right] > epsilon for right in rights])
    assert too_high <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 400)
    assert np.mean([bounds[right] for right in rights]) >= epsilon - 0.6


def test_delta_can_only_lower_the_bound():
    without = _by_guesses(95, 5, 0.0, 1_000, 0.05)
    bounds = [_by_guesses(95, 5, delta, 1_000, 0.05) for delta in (1e-12, 1e-6, 1e-4, 1e-2)]
    assert bounds[0] == pytest.approx(without, abs=1e-6)
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < without
