"""What is carried over from one network to another, in words and numbers; and why nothing can be.

Belongs here: results and messages. Does not belong here: weights.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from synth_engine.encodings.meanings import Meanings
from synth_engine.tabular.sizes import Sizes

RESET_HINT = "train anew with model_state_strategy RESET"
# A message names no more columns than these.
MAX_NAMED = 10


class Described(Protocol):
    """What must be known of a column beside its layout; every encoding is that."""

    def meanings(self) -> Mapping[str, Meanings]:
        """What the codes of each sub-column mean."""
        ...


@dataclass(frozen=True)
class PartTransfer:
    """How many codes of a sub-column start from what.

    Args:
        column: Name of the column.
        part: Name of the sub-column.
        n_kept: Codes that mean the same as before.
        n_near: New ones that start like their nearest.
        n_average: New ones that start like the average.
        n_dropped: Codes of before that nothing starts from.
    """

    column: str
    part: str
    n_kept: int
    n_near: int
    n_average: int
    n_dropped: int


@dataclass(frozen=True)
class Transfer:
    """What became of a network's knowledge. Names and numbers only, nothing of what codes mean.

    Args:
        parts: The sub-columns that both networks have.
        new: Those that only the new one has, as pairs of column and sub-column: they start as if nothing was known.
        dropped: Those that only the old one had.
    """

    parts: tuple[PartTransfer, ...]
    new: tuple[tuple[str, str], ...]
    dropped: tuple[tuple[str, str], ...]

    @property
    def new_columns(self) -> list[str]:
        """Columns that were not there."""
        return sorted(self._in_new - self._in_old)

    @property
    def dropped_columns(self) -> list[str]:
        """Columns that are no longer there."""
        return sorted(self._in_old - self._in_new)

    @property
    def changed_columns(self) -> list[str]:
        """Columns of which nothing could be kept, since they are encoded in another way than before."""
        return sorted((self._in_old & self._in_new) - self._kept)

    @property
    def n_new_codes(self) -> int:
        """New codes in columns that were known."""
        return sum(part.n_near + part.n_average for part in self.parts)

    @property
    def facts(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        text = f"reuses what the model knows of {len(self._kept)} column(s), with {self.n_new_codes} new code(s)"
        others = {
            "new": self.new_columns,
            "encoded otherwise than before, hence new": self.changed_columns,
            "no longer there": self.dropped_columns,
        }
        return text + "".join(f"; {what}: {_listed(names)}" for what, names in others.items() if names)

    @property
    def _kept(self) -> set[str]:
        return {part.column for part in self.parts}

    @property
    def _in_new(self) -> set[str]:
        return self._kept | {column for column, _ in self.new}

    @property
    def _in_old(self) -> set[str]:
        return self._kept | {column for column, _ in self.dropped}


def other_sizes(old: Sizes, new: Sizes) -> str:
    """The message where two networks have weights of different shapes."""
    expected, found = (
        f"{sizes.hidden} units per sub-column, {sizes.embedding} per embedding and {sizes.n_residual} residual layer(s)"
        for sizes in (new, old)
    )
    return (
        f"model to reuse: expected a network of {expected}, found one of {found}; "
        f"ask for the model that it was trained as, or {RESET_HINT}"
    )


def nothing_in_common(old_columns: Mapping[str, Described], new_columns: Mapping[str, Described]) -> str:
    """The message where two networks have no column in common; tells apart other names and other encodings."""
    changed = [name for name in new_columns if name in old_columns]
    hint = "give them the encoding types that they had" if changed else "rename the columns"
    others = f"; encoded otherwise than before: {_listed(changed)}" if changed else ""
    return (
        f"model to reuse: expected a table with columns that the model knows ({_listed(old_columns)}), "
        f"found {_listed(new_columns)}{others}; {hint}, or {RESET_HINT}"
    )


def _listed(names: Iterable[str]) -> str:
    """Names, the first ones of many."""
    known = list(names)
    more = f" and {len(known) - MAX_NAMED} more" if len(known) > MAX_NAMED else ""
    return (", ".join(known[:MAX_NAMED]) or "none") + more
