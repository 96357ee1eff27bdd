"""Constraints that the user wants kept: checked against the model before any work, then kept while rows are drawn.

Codes are masked as they are drawn, and values moved inside the cells of their codes afterwards. Belongs here: from what
the user said to masks, and from decoded values to settled ones. Does not belong here: how masks work.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from synth_engine.constraints import broken, violations
from synth_engine.domain import Constraint, InputError
from synth_engine.encodings import Encoding
from synth_engine.encodings.axes import Places
from synth_engine.encodings.base import Codes
from synth_engine.stages.generating.allowed_combinations import AllowedCombinations, make_combinations
from synth_engine.stages.generating.ordered_columns import make_orders
from synth_engine.stages.generating.seed_data import SeedData
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.combinations import CombinationMask
from synth_engine.tabular.interventions import UNKNOWN, Mask
from synth_engine.tabular.layout import Layout
from synth_engine.tabular.ordered import Fixed, Order, OrderMask

# How often values of one row are drawn again inside the cells of their codes before they are moved to the nearest.
REDRAWS = 8


@dataclass(frozen=True, eq=False)
class _Nothing:
    """A row of which nothing is known."""

    index: torch.Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.long))

    def codes(self, k: int) -> torch.Tensor:
        """None so far."""
        return torch.full((1,), UNKNOWN)


NOTHING = _Nothing()


@dataclass(frozen=True, eq=False)
class Constraints:
    """What every row fulfils.

    Guarantees: no row of a table that `settled` and `checked` have seen breaks a constraint, and no given value is
    changed.

    Args:
        said: What the user said.
        encodings: By column.
        layout: Of the code matrix.
        orders: Inequalities and ranges, by columns that are connected.
        combinations: Combinations, by columns that are connected.
    """

    said: Sequence[Constraint]
    encodings: Mapping[str, Encoding]
    layout: Layout
    orders: Sequence[Order] = ()
    combinations: Sequence[AllowedCombinations] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        said: Sequence[Constraint],
        statistics: TableStatistics,
        layout: Layout,
        forbidden: Mapping[int, Sequence[int]],
    ) -> "Constraints":
        """Check what the user said; raises `InputError` naming the constraint and the column that do not go together.

        Args:
            said: What the user said.
            statistics: Of the original table.
            layout: Of the code matrix.
            forbidden: Codes that are never drawn, by sub-column.
        """
        orders = make_orders(said, statistics, layout, forbidden)
        combinations = make_combinations(said, statistics, layout, forbidden)
        for item in combinations:
            for name in item.columns:
                if any(name in order.columns for order in orders):
                    raise InputError(
                        f"constraints: column {name!r} is in combinations and in an inequality or a range; name it in "
                        "one of them only, without the combinations that break the other"
                    )
        return cls(said, statistics.columns, layout, orders, combinations)

    def masks(self, seeds: SeedData | None) -> list[Mask]:
        """What the rows that go with these seeds must not have."""
        orders = [OrderMask(order, self._fixed(order, seeds)) for order in self.orders]
        return [*orders, *(CombinationMask(item.combinations, item.known(seeds)) for item in self.combinations)]

    def check_seeds(self, seeds: SeedData | None) -> None:
        """Raise `InputError` for given values that break a constraint, or that leave no value to other columns."""
        for item in self.combinations:
            item.check(seeds)
        if seeds is None:
            return
        for place, constraint in enumerate(self.said):
            if set(constraint.columns) <= set(seeds.names):
                is_given = np.all([seeds.is_given(name) for name in constraint.columns], axis=0)
                _refuse(broken(seeds.table, constraint) & is_given, constraint.columns, place)
        for order in self.orders:
            self._check_room(order, seeds)

    def check_shares(self, column: str, codes: Collection[int]) -> None:
        """Raise `InputError` where a category of a rebalanced column can be in no row at all."""
        k = self.layout.places(column)[0]
        for mask in self.masks(None):
            allowed = mask.allowed(k, NOTHING)
            if allowed is not None and not allowed[0, sorted(codes)].all():
                raise InputError(
                    f"rebalancing: constraints leave no row to one of the categories of column {column!r} that are to "
                    "have a share; leave out the category, or the constraint"
                )

    def settled(
        self, columns: Mapping[str, pa.Array], codes: Codes, seeds: SeedData | None, rng: np.random.Generator
    ) -> dict[str, pa.Array]:
        """Decoded columns whose values are moved inside the cells of their codes so that they keep all inequalities.

        Args:
            columns: Decoded values of the columns that are not given in every row.
            codes: Codes that they were decoded from.
            seeds: What is given.
            rng: Source of randomness.
        """
        found = dict(columns)
        for order in self.orders:
            found |= self._settled(order, found, codes, seeds, rng)
        return found

    def checked(self, table: pa.Table) -> pa.Table:
        """The table, if it breaks no constraint; anything else would be a fault of this engine."""
        for constraint, n_rows in zip(self.said, violations(table, self.said), strict=True):
            if n_rows:
                raise RuntimeError(f"{n_rows} generated row(s) break {constraint!r}; nothing of them was written")
        return table

    def _settled(
        self,
        order: Order,
        columns: Mapping[str, pa.Array],
        codes: Codes,
        seeds: SeedData | None,
        rng: np.random.Generator,
    ) -> dict[str, pa.Array]:
        mask = OrderMask(order, self._fixed(order, seeds))
        of_column = {name: codes[:, self.layout.places(name)] for name in order.columns}
        spans = mask.spans(of_column, np.arange(len(codes)))
        # a column that is given in all rows has no span but its places
        drawn = {name: columns[name] for name in order.columns if name in columns}
        places = {
            name: column.axis.places(drawn[name]) if name in drawn else spans[name].low
            for name, column in order.columns.items()
        }
        places = {name: np.clip(places[name], spans[name].low, spans[name].high) for name in places}
        rows = np.flatnonzero(order.broken(places, spans))
        moved = {name: places[name].copy() for name in drawn}
        for attempt in range(REDRAWS + 1):
            if len(rows) == 0:
                break
            some = mask.spans({name: of_column[name][rows] for name in order.columns}, rows)
            tried = {name: places[name][rows] for name in order.columns}
            for name in drawn:
                again = order.columns[name].axis.places(self.encodings[name].decode(of_column[name][rows], rng))
                tried[name] = np.clip(again, some[name].low, some[name].high)
            if attempt == REDRAWS:
                tried = order.settled(tried, some)
            for name in drawn:
                moved[name][rows] = tried[name]
            rows = rows[order.broken(tried, some)]
        return {name: _with(drawn[name], order, name, places[name], moved[name]) for name in drawn}

    def _fixed(self, order: Order, seeds: SeedData | None) -> dict[str, Fixed]:
        if seeds is None:
            return {}
        fixed = {}
        for name, column in order.columns.items():
            if name in seeds.names:
                values = self.encodings[name].canonical(seeds.table[name].combine_chunks())
                is_null = values.is_null().to_numpy(zero_copy_only=False)
                places = column.axis.places_of_any(seeds.table[name].combine_chunks())
                fixed[name] = Fixed(places, seeds.is_given(name), is_null)
        return fixed

    def _check_room(self, order: Order, seeds: SeedData) -> None:
        fixed = self._fixed(order, seeds)
        if not fixed:
            return
        unknown = {
            name: np.full((seeds.n_rows, len(item.sub_columns)), UNKNOWN) for name, item in order.columns.items()
        }
        spans = OrderMask(order, fixed).spans(unknown, np.arange(seeds.n_rows))
        bounds = order.bounds(spans)
        for name in sorted(bounds, key=lambda name: name in fixed):
            low, high = bounds[name]
            has_none = (low > high) & spans[name].is_value
            if has_none.any():
                named = ", ".join(map(repr, fixed))
                raise InputError(
                    f"seed_data: in {int(has_none.sum())} row(s) the given values of {named} leave no value to column "
                    f"{name!r} with which the constraints are kept; change them, or the constraints"
                )


def _refuse(rows: npt.NDArray[np.bool_], columns: Sequence[str], place: int) -> None:
    if rows.any():
        named = ", ".join(map(repr, columns))
        raise InputError(
            f"seed_data: {int(rows.sum())} row(s) break constraints.{place}, which is about {named}; change them, or "
            "leave out the constraint"
        )


def _with(values: pa.Array, order: Order, name: str, before: Places, after: Places) -> pa.Array:
    """The values, but those whose place has changed."""
    changed = np.flatnonzero(before != after)
    if len(changed) == 0:
        return values
    new = order.columns[name].axis.values(after[changed])
    index = np.arange(len(values))
    index[changed] = len(values) + np.arange(len(changed))
    return pa.concat_arrays([values, new]).take(pa.array(index))
