"""Attribute inference: does somebody who knows most of a person learn the rest from the synthetic rows?

Belongs here: guesses of one column from the others. Does not belong here: predicates (`singling_out`), joining two
halves of a record (`linkability`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.privacy.features import MAX_ROWS, Prepared, Rows, Space
from synth_engine.evaluation.privacy.intervals import risk_of, share
from synth_engine.evaluation.privacy.results import LEVEL, Estimate, NotMeasured, Result, Risk

N_TARGETS = 2_000
"""So many training units are attacked, and as many held-out ones."""

_LEAST = 20
_NEAR = 0.025  # of the ranks: a guess of a number is right if within 2.5 % of all people of it
_BLOCK = 8_000_000


class InferenceOfColumn(Risk):
    """The guess of one column."""

    column: str


class AttributeInference(Result):
    """Guesses of every column, each from all the others.

    Attributes:
        columns: One result for each column, in the order of the table.
        highest: The column whose risk is the most certain to be above 0.
        highest_risk: Its risk, with an interval that allows for its having been picked among all (Bonferroni).
    """

    columns: tuple[InferenceOfColumn, ...]
    highest: str
    highest_risk: Estimate
    means: str = (
        "How much better an attacker guesses a person's value of a column, knowing all the others, if that person was "
        "in the training data than if not. What can be guessed of people who were not in it is true of the population, "
        "not a leak. Numbers count as guessed if at most a fortieth of all people lies between guess and truth."
    )
    does_not_mean: str = (
        "Anything, where the attack is weak (no better than the value of a random synthetic row). Nor that other "
        "attackers, who take more than the most similar synthetic row, learn nothing."
    )


def attribute_inference(
    prepared: Prepared, *, seed: int = 0, max_rows: int = MAX_ROWS, n_targets: int = N_TARGETS
) -> AttributeInference | NotMeasured:
    """Guess each column by the synthetic row that is most similar in all others (Giomi et al., PoPETs 2023).

    The control is the same attack on held-out units, the baseline the value of a random synthetic row.

    Args:
        prepared: Rows of all origins.
        seed: Of samples and baseline.
        max_rows: Synthetic rows that are looked at, at most (fewer of wide tables).
        n_targets: Units of either kind that are attacked, at most.
    """
    lacking = prepared.lacks(_LEAST) or ("needs at least two columns" if len(prepared.names) < 2 else None)
    if lacking:
        return NotMeasured(not_measured=lacking)
    space, rng = Space.of(prepared), generator(seed, "privacy", "inference")
    synthetic = prepared.synthetic.shuffled(rng, space.most(max_rows))
    targets = [real.shuffled(rng, n_targets) for real in (prepared.training, prepared.holdout)]
    guesses = [_closest_by_others(space, target, synthetic) for target in targets]
    results = []
    for place, name in enumerate(prepared.names):
        ordered = prepared.is_ordered[place]
        training, holdout = (
            _right(target, synthetic.take(guess[:, place]), place, ordered)
            for target, guess in zip(targets, guesses, strict=True)
        )
        random = synthetic.take(rng.integers(0, len(synthetic), len(targets[0])))
        by_chance = float(_right(targets[0], random, place, ordered).mean())
        both = [share(int(hits.sum()), len(hits)) for hits in (training, holdout)]
        results.append(InferenceOfColumn(column=name, **dict(risk_of(both[0], both[1], by_chance))))
    level = 1 - (1 - LEVEL) / len(results)
    risks = [risk_of(result.attack, result.control, result.baseline, level).risk for result in results]
    worst = max(range(len(results)), key=lambda place: risks[place].lower)
    return AttributeInference(columns=tuple(results), highest=results[worst].column, highest_risk=risks[worst])


def _right(truth: Rows, guess: Rows, place: int, ordered: bool) -> npt.NDArray[np.bool_]:
    is_equal: npt.NDArray[np.bool_] = truth.codes_RC[:, place] == guess.codes_RC[:, place]
    if not ordered:
        return is_equal
    both_there = (truth.codes_RC[:, place] > 0) & (guess.codes_RC[:, place] > 0)
    gaps = np.abs(truth.ranks_RC[:, place] - guess.ranks_RC[:, place])
    is_near: npt.NDArray[np.bool_] = both_there & (gaps <= _NEAR)
    return is_equal | is_near


def _closest_by_others(space: Space, targets: Rows, synthetic: Rows) -> npt.NDArray[np.intp]:
    """For each target and column, the synthetic row that is closest in all other columns; shape (targets, C).

    Distances in all columns are taken once, and those of the column in question off again.
    """
    n_columns = len(space.parts)
    answers = [space.points(synthetic, [place]) for place in range(n_columns)]
    questions = [space.points(targets, [place]) for place in range(n_columns)]
    found = np.empty((len(targets), n_columns), np.intp)
    step = max(_BLOCK // len(synthetic), 1)
    whole = np.hstack(answers)
    for start in range(0, len(targets), step):
        block = slice(start, start + step)
        distances = _squares(np.hstack([question[block] for question in questions]), whole)
        for place in range(n_columns):
            found[block, place] = (distances - _squares(questions[place][block], answers[place])).argmin(axis=1)
    return found


def _squares(one_BD: npt.NDArray[np.float32], other_RD: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Squared distances, up to a summand of each row of the first; shape (B, R)."""
    squares = np.einsum("rd,rd->r", other_RD, other_RD)
    columns = np.hstack([-2 * other_RD, squares[:, None]])
    products: npt.NDArray[Any] = np.hstack([one_BD, np.ones_like(one_BD, shape=(len(one_BD), 1))]) @ columns.T
    return products
