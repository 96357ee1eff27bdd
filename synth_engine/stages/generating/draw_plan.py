"""What the user wants of the draw, checked against the model before any work and told in terms of codes.

Belongs here: rebalancing, imputation, fairness, and in which order columns are drawn. Does not belong here: drawing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from synth_engine.domain import FairnessConfig, GenerateConfig, InputError, RebalancingConfig
from synth_engine.encodings import Encoding, null_codes
from synth_engine.stages.generating.constraints import Constraints
from synth_engine.stages.generating.modelled import categories_of, check_modelled
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.interventions import Interventions, Shares
from synth_engine.tabular.layout import Layout


@dataclass(frozen=True)
class Parity:
    """Sub-columns of a target and of what it is to be independent of."""

    target: int
    sensitive: list[int]


@dataclass(frozen=True)
class DrawPlan:
    """How rows are drawn.

    Args:
        interventions: What is done to probabilities.
        order: Columns in the order in which they are drawn.
        constraints: What every row fulfils; its masks are not among the interventions, as they depend on seeds.
        parity: What is drawn anew afterwards, so that groups are alike.
    """

    interventions: Interventions
    order: Sequence[int]
    constraints: Constraints
    parity: Parity | None = None


def make_plan(
    config: GenerateConfig, statistics: TableStatistics, layout: Layout, *, is_flexible: bool, seeds: SeedData | None
) -> DrawPlan:
    """Check every wish; raises `InputError` naming the parameter and the column that do not go together."""
    wishes = _Wishes(config, statistics, layout, is_flexible, seeds)
    return DrawPlan(
        Interventions(
            temperature=config.sampling_temperature,
            top_p=config.sampling_top_p,
            forbidden=wishes.forbidden(),
            shares=wishes.shares(),
        ),
        order=wishes.order(),
        constraints=wishes.constraints(),
        parity=wishes.parity(),
    )


@dataclass(frozen=True)
class _Wishes:
    config: GenerateConfig
    statistics: TableStatistics
    layout: Layout
    is_flexible: bool
    seeds: SeedData | None

    def forbidden(self) -> dict[int, list[int]]:
        """Codes that must not be drawn: those that never are, and those of null in imputed columns."""
        imputed = self._imputed()
        found: dict[int, list[int]] = {}
        for name, encoding in self.statistics.columns.items():
            never = encoding.never_drawn(self.config.rare_category_replacement_method)
            nulls = self._nulls(name, encoding) if name in imputed else {}
            for place, part in zip(self.layout.places(name), encoding.cardinalities, strict=True):
                codes = sorted({*never.get(part, ()), *nulls.get(part, ())})
                if codes:
                    found[place] = codes
        return found

    def _imputed(self) -> Collection[str]:
        columns = self.config.imputation.columns if self.config.imputation else []
        for name in columns:
            check_modelled(name, "imputation", self.statistics)
        return columns

    def _nulls(self, name: str, encoding: Encoding) -> dict[str, list[int]]:
        method = self.config.rare_category_replacement_method
        nulls, never = null_codes(encoding, method), encoding.never_drawn(method)
        for part, size in encoding.cardinalities.items():
            if len({*nulls[part], *never.get(part, ())}) == size:
                raise InputError(f"imputation: column {name!r} has no value that may be shown in place of a null")
        return nulls

    def shares(self) -> dict[int, Shares]:
        """Given probabilities of the rebalanced column."""
        rebalancing = self.config.rebalancing
        if rebalancing is None:
            return {}
        codes = categories_of(rebalancing.column, "rebalancing", self.statistics)
        if self.seeds is not None and rebalancing.column in self.seeds.names:
            raise InputError(f"rebalancing: column {rebalancing.column!r} is in seed_data, where its values are given")
        place = self.layout.places(rebalancing.column)[0]
        shares = {_code_of(category, codes, rebalancing): p for category, p in rebalancing.probabilities.items()}
        forbidden = set(self.forbidden().get(place, ()))
        for category, code in zip(rebalancing.probabilities, shares, strict=True):
            if code in forbidden:
                raise InputError(
                    f"rebalancing: {category!r} of column {rebalancing.column!r} is never shown, since "
                    "rare_category_replacement_method is SAMPLE"
                )
        self._check_rest(rebalancing, shares, self.layout.cardinalities[place] - len(forbidden | set(shares)))
        return {place: Shares(shares)}

    def _check_rest(self, rebalancing: RebalancingConfig, shares: dict[int, float], n_others: int) -> None:
        total = sum(shares.values())
        if n_others == 0 and total < 1 - 1e-6:
            raise InputError(
                f"rebalancing: the probabilities of column {rebalancing.column!r} add up to {total:g}, and there is no "
                "other category for the rest; let them add up to 1"
            )

    def order(self) -> list[int]:
        """A rebalanced column comes first, so that all others follow from it; what is given comes before anyway."""
        names = list(self.statistics.columns)
        first = [self.config.rebalancing.column] if self.config.rebalancing else []
        if not self.is_flexible:
            self._check_natural_order(names, first)
            return list(range(len(names)))
        return [names.index(name) for name in [*first, *(name for name in names if name not in first)]]

    def _check_natural_order(self, names: list[str], first: list[str]) -> None:
        """A model of one order can only be given what comes before all that is drawn."""
        advice = "train the model with enable_flexible_generation=True"
        before = [name for name in names if self.seeds is not None and name in self.seeds.names]
        for name, expected in zip([*before, *first], names, strict=False):
            if name != expected:
                where = "seed_data" if name in before else "rebalancing"
                raise InputError(
                    f"{where}: column {name!r} can be given only together with {expected!r}, which comes before it, as "
                    f"the model was trained for one order of columns; {advice}"
                )
        for name, follower in pairwise(before):
            if self.seeds is not None and (~self.seeds.is_given(name) & self.seeds.is_given(follower)).any():
                raise InputError(
                    f"imputation: nulls of column {name!r} cannot be filled where {follower!r}, which comes after it, "
                    f"is given, as the model was trained for one order of columns; {advice}"
                )

    def constraints(self) -> Constraints:
        """What every row fulfils."""
        found = Constraints.of(self.config.constraints or (), self.statistics, self.layout, self.forbidden())
        found.check_seeds(self.seeds)
        if self.config.rebalancing is not None:
            shares = next(iter(self.shares().values())).probabilities
            found.check_shares(self.config.rebalancing.column, {code for code, share in shares.items() if share > 0})
        return found

    def parity(self) -> Parity | None:
        """What fairness asks for."""
        fairness = self.config.fairness
        if fairness is None:
            return None
        if self.statistics.keys.context_key is not None:
            raise InputError(
                "fairness: is about rows that do not depend on each other, and these are events of subjects, as "
                f"{self.statistics.keys.context_key!r} is a context key; leave it out"
            )
        target, sensitive = fairness.target_column, fairness.sensitive_columns
        for name in (target, *sensitive):
            categories_of(name, "fairness", self.statistics)
        self._check_parity(fairness)
        return Parity(self.layout.places(target)[0], [self.layout.places(name)[0] for name in sensitive])

    def _check_parity(self, fairness: FairnessConfig) -> None:
        target = fairness.target_column
        if not fairness.sensitive_columns:
            raise InputError("fairness.sensitive_columns: expected one column or more, found none")
        if target in fairness.sensitive_columns:
            raise InputError(f"fairness: the target column {target!r} is among the sensitive columns; name others")
        if self.seeds is not None and target in self.seeds.names:
            raise InputError(f"fairness: the target column {target!r} is in seed_data, where its values are given")
        if not self.is_flexible and target != list(self.statistics.columns)[-1]:
            raise InputError(
                f"fairness: the target column {target!r} must be the last one, as the model was trained for one order "
                "of columns; train the model with enable_flexible_generation=True"
            )


def _code_of(category: str, codes: dict[str, int], rebalancing: RebalancingConfig) -> int:
    alike = [name for name in codes if name.casefold() == category.casefold()]
    if category in codes or len(alike) == 1:
        return codes[category if category in codes else alike[0]]
    known = ", ".join(map(repr, list(codes)[:20])) + (", …" if len(codes) > 20 else "")
    raise InputError(
        f"rebalancing: column {rebalancing.column!r} has no category {category!r} that may be shown; it has {known}"
    )
