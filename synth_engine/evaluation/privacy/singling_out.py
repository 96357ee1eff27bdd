"""Singling out: do descriptions that fit one synthetic row fit exactly one person of the training data?

Belongs here: predicates, made of synthetic rows and tried on real ones. Does not belong here: guesses of values.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.privacy.features import MAX_ROWS, Prepared, Rows
from synth_engine.evaluation.privacy.intervals import risk_of, share
from synth_engine.evaluation.privacy.results import NotMeasured, Result, Risk

N_PREDICATES = 500
"""So many predicates of either kind are tried."""

_LEAST = 20
_LEAST_PREDICATES = 10
_TRIALS = 4  # descriptions for each predicate wanted, as some fit more than one row whatever they say


class SinglingOut(Result):
    """Both kinds of predicates.

    Attributes:
        univariate: Of one column: a value that one synthetic row has, or an end of the range.
        multivariate: Of as many columns as it takes to fit one synthetic row alone: values, or values from one on.
        n_units: Units of each origin that predicates are made of and tried on.
    """

    univariate: Risk | NotMeasured
    multivariate: Risk | NotMeasured
    n_units: int
    means: str = (
        "How often a description taken from the synthetic rows ('older than 89 and a widow') fits exactly one person "
        "of the training data, beyond how often it fits exactly one of equally many people who were not in it."
    )
    does_not_mean: str = (
        "Anything, where the attack is weak (no better than descriptions put together at random). A description that "
        "fits one person among thousands may fit more people in the world; one person may be described many times."
    )


@dataclass(frozen=True)
class _Condition:
    """On one column: equal to a code (sign 0), or not below (sign 1) or not above (sign -1) a code."""

    column: int
    code: int
    sign: int

    def among(self, rows: Rows, places: npt.NDArray[np.intp] | None) -> npt.NDArray[np.intp]:
        """Those of the places (None: of all) where it holds."""
        codes = rows.codes_RC[:, self.column] if places is None else rows.codes_RC[places, self.column]
        if self.sign == 0:
            holds = codes == self.code
        else:
            holds = (codes >= self.code) if self.sign > 0 else (codes <= self.code) & (codes > 0)
        return np.flatnonzero(holds) if places is None else places[holds]


_Predicate = tuple[_Condition, ...]


def singling_out(
    prepared: Prepared, *, seed: int = 0, max_rows: int = MAX_ROWS, n_predicates: int = N_PREDICATES
) -> SinglingOut | NotMeasured:
    """Make predicates that one synthetic unit fulfils, and count how many exactly one real unit fulfils (Giomi et al.).

    The control tries them on equally many held-out units. The baseline are predicates of the same form with values of
    different synthetic units, tried on held-out units too: what they single out, chance does.

    Args:
        prepared: Rows of all origins.
        seed: Of samples and predicates.
        max_rows: Units of each origin at most; all origins are cut to the same number, on which uniqueness depends.
        n_predicates: Predicates of either kind that are tried, at most; of several columns one for four units at most.
    """
    lacking = prepared.lacks(_LEAST)
    if lacking:
        return NotMeasured(not_measured=lacking)
    rng = generator(seed, "privacy", "singling out")
    size = min(max_rows, *(len(rows) for rows in prepared.origins))
    # columns one after the other in memory, as predicates look at one at a time
    training, holdout, synthetic = (
        Rows(np.asfortranarray(rows.codes_RC), np.asfortranarray(rows.ranks_RC))
        for rows in (origin.shuffled(rng, size) for origin in prepared.origins)
    )
    single = _of_one_column(synthetic, prepared.is_ordered)
    single = [single[place] for place in rng.permutation(len(single))[:n_predicates]]
    # more would describe the same few units again and again, while their interval takes them for independent
    several = _of_several_columns(synthetic, prepared.is_ordered, min(n_predicates, size // 4), rng)
    return SinglingOut(
        univariate=_risk(single, training, holdout, _mixed(single, synthetic, rng)),
        multivariate=_risk(several, training, holdout, _mixed(several, synthetic, rng)),
        n_units=size,
    )


def _of_one_column(synthetic: Rows, is_ordered: tuple[bool, ...]) -> list[_Predicate]:
    made: list[_Predicate] = []
    for column, ordered in enumerate(is_ordered):
        codes, counts = np.unique(synthetic.codes_RC[:, column], return_counts=True)
        made += [(_Condition(column, int(code), 0),) for code in codes[counts == 1]]
        there = codes[codes > 0]
        if ordered and len(there):
            made += [(_Condition(column, int(there[0]), -1),), (_Condition(column, int(there[-1]), 1),)]
    return made


def _of_several_columns(
    synthetic: Rows, is_ordered: tuple[bool, ...], wanted: int, rng: np.random.Generator
) -> list[_Predicate]:
    made: list[_Predicate] = []
    if len(is_ordered) < 2:
        return made
    for _ in range(_TRIALS * wanted):
        if len(made) == wanted:
            break
        row = int(rng.integers(len(synthetic)))
        predicate: list[_Condition] = []
        places = None
        for column in rng.permutation(len(is_ordered)):
            predicate.append(_condition(synthetic, row, int(column), is_ordered[column]))
            places = predicate[-1].among(synthetic, places)
            if len(places) == 1:
                break
        if places is not None and len(places) == 1 and len(predicate) > 1:
            made.append(tuple(predicate))
    return made


def _condition(rows: Rows, row: int, column: int, ordered: bool) -> _Condition:
    """The half of the values on whose far side the row lies, as outliers are more alone; categories are equal."""
    code = int(rows.codes_RC[row, column])
    is_high = rows.ranks_RC[row, column] > 0.5
    return _Condition(column, code, 0 if not ordered or code == 0 else 1 if is_high else -1)


def _mixed(predicates: list[_Predicate], synthetic: Rows, rng: np.random.Generator) -> Iterator[_Predicate]:
    for predicate in predicates:
        rows = rng.integers(0, len(synthetic), len(predicate))
        yield tuple(
            _Condition(part.column, int(synthetic.codes_RC[row, part.column]), part.sign)
            for part, row in zip(predicate, rows, strict=True)
        )


def _is_single(predicate: _Predicate, rows: Rows) -> bool:
    places = None
    for condition in predicate:
        places = condition.among(rows, places)
    return places is not None and len(places) == 1


def _risk(
    predicates: list[_Predicate], training: Rows, holdout: Rows, baseline: Iterator[_Predicate]
) -> Risk | NotMeasured:
    if len(predicates) < _LEAST_PREDICATES:
        return NotMeasured(
            not_measured=f"needs at least {_LEAST_PREDICATES} descriptions that fit one synthetic unit alone, "
            f"found {len(predicates)}"
        )
    attack, control = (
        share(sum(_is_single(predicate, rows) for predicate in predicates), len(predicates))
        for rows in (training, holdout)
    )
    by_chance = sum(_is_single(predicate, holdout) for predicate in baseline) / len(predicates)
    return risk_of(attack, control, by_chance)
