"""What the user wants of records that a language model writes, checked against the model before any is drawn.

Belongs here: in which order columns are written, which nulls are allowed, shares of categories. Does not belong here:
drawing (`record_source`), wishes of tabular models (`draw_plan`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from synth_engine.domain import GenerateConfig, InputError, RebalancingConfig
from synth_engine.encodings.language import LanguageEncoding
from synth_engine.encodings.language.categorical import LanguageCategorical
from synth_engine.stages.generating.modelled import check_modelled
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.statistics import TableStatistics

_ADVICE = "train the model with enable_flexible_generation=True"


@dataclass(frozen=True)
class CategoryShares:
    """Shares that categories of a column are to have.

    Args:
        column: Its name.
        shares: By category; they add up to no more than 1.
        literals: Of these categories.
        others: The encoding with the other categories alone; None where there are none.
    """

    column: str
    shares: Mapping[str, float]
    literals: Sequence[str]
    others: LanguageCategorical | None

    def choose(self, even_N: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The category of each record, by number; that after the last one stands for any of the others.

        Args:
            even_N: Numbers between 0 and 1.
        """
        bounds = np.cumsum(list(self.shares.values()))
        if self.others is None:  # they add up to 1, but for rounding
            bounds = bounds[:-1]
        found: npt.NDArray[np.int64] = np.searchsorted(bounds, even_N, side="right")
        return found


@dataclass(frozen=True, eq=False)
class RecordPlan:
    """How records are written.

    Args:
        encodings: Of the columns, in the order in which they are written.
        nulls: Whether null may be drawn, by column.
        shares: Of the rebalanced column; None where there is none.
    """

    encodings: Mapping[str, LanguageEncoding]
    nulls: Mapping[str, bool]
    shares: CategoryShares | None

    def orders(self, given_NC: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Columns (N, C) in the order in which each record writes them: what is given first, then a rebalanced column.

        Args:
            given_NC: Which columns are given.
        """
        rank = np.where(given_NC, 0, 2)
        if self.shares is not None:
            rank[:, list(self.encodings).index(self.shares.column)] = 1
        return np.argsort(rank, axis=1, kind="stable")


def make_record_plan(
    config: GenerateConfig,
    statistics: TableStatistics,
    encodings: Mapping[str, LanguageEncoding],
    *,
    is_flexible: bool,
    seeds: SeedData | None,
) -> RecordPlan:
    """Check every wish; raises `InputError` naming the parameter and the column that do not go together.

    Args:
        config: The wishes.
        statistics: Of the original table.
        encodings: Of its columns, in the order in which they are written.
        is_flexible: Whether the model has learned every order.
        seeds: Columns that are given.
    """
    _refuse(config)
    imputed = config.imputation.columns if config.imputation else []
    for name in imputed:
        check_modelled(name, "imputation", statistics)
        if not encodings[name].has_values:
            raise InputError(f"imputation: column {name!r} has no value that may be shown in place of a null")
    plan = RecordPlan(
        encodings,
        {name: each.has_nulls and name not in imputed for name, each in encodings.items()},
        _shares(config.rebalancing, statistics, seeds) if config.rebalancing else None,
    )
    if not is_flexible:
        _check_natural_order(list(encodings), [plan.shares.column] if plan.shares else [], seeds)
    return plan


def _refuse(config: GenerateConfig) -> None:
    if config.fairness is not None:
        raise InputError("fairness: is for tabular models, and this is a language model; leave it out")
    if config.constraints:
        raise InputError("constraints: are for tabular models, and this is a language model; leave them out")


def _shares(wish: RebalancingConfig, statistics: TableStatistics, seeds: SeedData | None) -> CategoryShares:
    check_modelled(wish.column, "rebalancing", statistics)
    encoding = statistics.language[wish.column]
    if not isinstance(encoding, LanguageCategorical) or not encoding.categories:
        raise InputError(
            f"rebalancing: column {wish.column!r} must be categorical; its encoding is {encoding.type}, or none of its "
            "categories may be shown"
        )
    if seeds is not None and wish.column in seeds.names:
        raise InputError(f"rebalancing: column {wish.column!r} is in seed_data, where its values are given")
    shares = {_category(name, encoding.categories, wish): share for name, share in wish.probabilities.items()}
    rest = [name for name in encoding.categories if name not in shares]
    total = sum(shares.values())
    if not rest and total < 1 - 1e-6:
        raise InputError(
            f"rebalancing: the probabilities of column {wish.column!r} add up to {total:g}, and there is no other "
            "category for the rest; let them add up to 1"
        )
    # Not a copy, which would keep what was computed of all categories.
    others = LanguageCategorical.model_validate({**encoding.model_dump(), "categories": rest}) if rest else None
    literals = dict(zip(encoding.categories, encoding.whole(), strict=False))
    return CategoryShares(wish.column, shares, [literals[name] for name in shares], others)


def _category(name: str, categories: Sequence[str], wish: RebalancingConfig) -> str:
    alike = [known for known in categories if known.casefold() == name.casefold()]
    if name in categories or len(alike) == 1:
        return name if name in categories else alike[0]
    known = ", ".join(map(repr, categories[:20])) + (", …" if len(categories) > 20 else "")
    raise InputError(f"rebalancing: column {wish.column!r} has no category {name!r} that may be shown; it has {known}")


def _check_natural_order(names: Sequence[str], first: Sequence[str], seeds: SeedData | None) -> None:
    """A model of one order can only be given what comes before all that is drawn."""
    before = [name for name in names if seeds is not None and name in seeds.names]
    for name, expected in zip([*before, *first], names, strict=False):
        if name != expected:
            where = "seed_data" if name in before else "rebalancing"
            raise InputError(
                f"{where}: column {name!r} can be given only together with {expected!r}, which is written before it, "
                f"as the model was trained for one order of columns; {_ADVICE}"
            )
    for name, follower in pairwise(before):
        if seeds is not None and (~seeds.is_given(name) & seeds.is_given(follower)).any():
            raise InputError(
                f"imputation: nulls of column {name!r} cannot be filled where {follower!r}, which is written after it, "
                f"is given, as the model was trained for one order of columns; {_ADVICE}"
            )
