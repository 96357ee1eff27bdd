"""The contract of a language encoding: values as JSON literals, and what of these may be drawn.

A fitted encoding is a frozen pydantic model; its JSON is part of ``stats.json``. It is shareable: nothing about fewer
entities than value protection asks for may be in it. Knows neither tokens nor files; grammars are plain text.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from synth_engine.domain import ModelEncodingType
from synth_engine.domain.arrow_types import ArrowType
from synth_engine.encodings.language.ebnf import rules
from synth_engine.encodings.language.literals import NULL
from synth_engine.encodings.value_counts import ValueCounts
from synth_engine.privacy import Budget, ValueProtection


class LanguageEncoding(BaseModel, ABC):
    """A fitted encoding of one column of a language table.

    Laws (tested for every registered encoding):
        - any value whatsoever can be written, unless `canonical` refuses it, as a JSON literal of at most `longest`
          characters; null is ``null``, and nothing else is where any value may be shown;
        - ``write(read(literals))`` gives literals again that the grammar allows, and so does ``write`` itself, but for
          the token of rare categories and for nulls that may not be drawn;
        - ``read`` gives exactly ``dtype``, and null only for ``null`` and for the token of rare categories;
        - the grammar allows ``null`` where it is asked for, or where no value at all may be shown;
        - the JSON restores an equal encoding, and holds no value of fewer entities than value protection asks for.

    Args:
        dtype: Plain type of the column.
        has_nulls: Whether null is common enough to be generated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[ModelEncodingType]

    dtype: ArrowType
    has_nulls: bool

    @classmethod
    @abstractmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Whether columns of this Arrow type can be encoded."""

    @classmethod
    @abstractmethod
    def canonical(cls, values: pa.Array) -> pa.Array:
        """The values as the encoding counts them; raises `InputError` for values that it cannot take."""

    @classmethod
    def summarise(cls, values: pa.Array, entities: npt.NDArray[np.int64] | None = None) -> ValueCounts:
        """Sensitive summary of one partition."""
        return ValueCounts.of(cls.canonical(values), entities)

    @classmethod
    @abstractmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """The summary with differential privacy: what `fit` is given instead of the exact one, with protection off.

        Guarantees: those of `synth_engine.encodings.base.Encoding.release`.
        """

    @classmethod
    @abstractmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Self:
        """The shareable encoding of a summary; the only place where privacy is spent."""

    @property
    @abstractmethod
    def has_values(self) -> bool:
        """Whether any value may be shown; where none may, every value is written as null."""

    @property
    @abstractmethod
    def longest(self) -> int:
        """Most characters of a literal that is written or may be drawn."""

    @abstractmethod
    def write(self, values: pa.Array) -> pa.Array:
        """JSON literals as ``large_string``, without nulls; values are protected: clipped, cut, or replaced as rare."""

    @abstractmethod
    def read(self, literals: pa.Array) -> pa.Array:
        """Values of type `dtype`, for literals that `write` gives or the grammar allows: ``large_string``, no nulls."""

    def grammar(self, *, nulls: bool) -> str:
        """Rules that allow exactly what may be drawn, in xgrammar's EBNF. Begins with ``value``, has no ``root``.

        Args:
            nulls: Whether ``null`` is allowed; it is in any case where no value may be shown.
        """
        values = self._rules() if self.has_values else {"value": ""}
        null = f'"{NULL}"' if nulls or not self.has_values else ""
        value = " | ".join(part for part in (values["value"], null) if part)
        return rules(values | {"value": value})

    @abstractmethod
    def _rules(self) -> dict[str, str]:
        """The right side of ``value`` without null, and of what it refers to. Asked for where there are values."""

    def whole(self) -> list[str]:
        """Literals that deserve a token of their own."""
        return [NULL] if self.has_nulls or not self.has_values else []

    def words(self) -> list[str]:
        """Words of the column's texts that enough entities have, most common first; with the space before them."""
        return []

    def loses(self, counts: ValueCounts) -> str | None:
        """What is lost of the values of a summary for other reasons than protection; to warn whoever has the data."""
        return None
