"""The sub-columns that two layouts have in common, and which old code each new one starts from.

Belongs here: places and codes. Does not belong here: what codes mean, weights, messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from synth_engine.encodings.meanings import AVERAGE, Meanings, Sources
from synth_engine.tabular.layout import Layout
from synth_engine.tabular.transferred import Described, PartTransfer, Transfer

Key = tuple[str, str]
"""A sub-column: the name of its column, and what it tells of it."""


@dataclass(frozen=True, eq=False)
class SubColumn:
    """Name of a sub-column, its place in the code matrix, what its codes mean."""

    part: str
    place: int
    meanings: Meanings

    @property
    def is_averaged(self) -> Tensor:
        """Codes that the average is of."""
        return torch.from_numpy(self.meanings.is_averaged)


@dataclass(frozen=True, eq=False)
class Match:
    """A sub-column of both layouts.

    Args:
        old: It in the old one.
        new: It in the new one.
        sources: The old code that each new one starts from.
    """

    old: SubColumn
    new: SubColumn
    sources: Sources

    def taken(self, rows: Tensor, shares: Tensor) -> Tensor:
        """Rows of old codes as rows of new codes; the average is weighted by the shares of the old codes."""
        average = shares @ rows
        return torch.cat([rows, average[None]])[torch.from_numpy(self.sources.codes).to(rows.device)]

    def counted(self, column: str) -> PartTransfer:
        """How many codes start from what."""
        is_kept, is_average = self.sources.is_kept, self.sources.codes == AVERAGE
        return PartTransfer(
            column=column,
            part=self.new.part,
            n_kept=int(is_kept.sum()),
            n_near=int((~is_kept & ~is_average).sum()),
            n_average=int(is_average.sum()),
            n_dropped=self.sources.n_dropped,
        )


@dataclass(frozen=True, eq=False)
class Matches:
    """All sub-columns of two layouts.

    Args:
        known: Those of the old one.
        wanted: Those of the new one.
        common: Those of both.
    """

    known: Mapping[Key, SubColumn]
    wanted: Mapping[Key, SubColumn]
    common: Mapping[Key, Match]

    @classmethod
    def of(
        cls, old: Layout, old_columns: Mapping[str, Described], new: Layout, new_columns: Mapping[str, Described]
    ) -> Self:
        """Match them by what they tell; the encodings are those of the layouts' columns, by name."""
        known, wanted = _sub_columns(old, old_columns), _sub_columns(new, new_columns)
        sources = {key: Sources.of(known[key].meanings, wanted[key].meanings) for key in wanted if key in known}
        return cls(known, wanted, {key: Match(known[key], wanted[key], each) for key, each in sources.items()})

    @property
    def old_places(self) -> Tensor:
        """Of the common ones in the old code matrix."""
        return torch.tensor([match.old.place for match in self.common.values()], dtype=torch.long)

    @property
    def new_places(self) -> Tensor:
        """Of the same in the new one."""
        return torch.tensor([match.new.place for match in self.common.values()], dtype=torch.long)

    @property
    def gone(self) -> list[SubColumn]:
        """Those that only the old layout has."""
        return [each for key, each in self.known.items() if key not in self.wanted]

    def report(self, named: str = "{}") -> Transfer:
        """What becomes of them; `named` is how their columns are told, where there are several tables."""
        return Transfer(
            parts=tuple(match.counted(named.format(key[0])) for key, match in self.common.items()),
            new=tuple((named.format(key[0]), each.part) for key, each in self.wanted.items() if key not in self.known),
            dropped=tuple(
                (named.format(key[0]), each.part) for key, each in self.known.items() if key not in self.wanted
            ),
        )


def _sub_columns(layout: Layout, columns: Mapping[str, Described]) -> dict[Key, SubColumn]:
    """Sub-columns by the column's name and what they tell of it."""
    found: dict[Key, SubColumn] = {}
    for column in layout.columns:
        known = columns[column.name].meanings()
        for part, size in column.cardinalities.items():
            meanings = known[part]
            assert len(meanings.labels) == size, f"{column.name}: meanings of {part} do not fit the network"
            found[column.name, meanings.tells or part] = SubColumn(part, len(found), meanings)
    return found
