"""A finished model of rows, opened to be asked: needs torch, so that it is imported where it is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from synth_engine.domain import InputError, RareCategoryReplacementMethod
from synth_engine.domain.randomness import derive_seed
from synth_engine.encodings import AnyEncoding
from synth_engine.encodings.outcomes import Range
from synth_engine.estimators.outcomes import Outcomes
from synth_engine.estimators.tables import Features, fitted_columns
from synth_engine.stages.devices import resolve_device
from synth_engine.stages.encode import encode_table
from synth_engine.stages.model_files import CONFIGS_FILE, ModelConfigs, load_network
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.scoring import Question, log_likelihood, outcome_probabilities
from synth_engine.workspace import ArtefactReader

# Of codes of all targets together: a chain of conditionals is computed for each.
MAX_COMBINATIONS = 100_000


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A network and what its codes mean.

    Args:
        statistics: Of the table that it was trained on.
        configs: What else is told of it.
        network: The network; None where there was no column to model.
    """

    statistics: TableStatistics
    configs: ModelConfigs
    network: TabularNetwork | None

    @classmethod
    def open(cls, model: ArtefactReader, statistics: TableStatistics, device: str | None) -> Self:
        """Read the weights."""
        configs = ModelConfigs.model_validate(model.json(CONFIGS_FILE))
        return cls(statistics, configs, load_network(model, statistics, resolve_device(device)))

    @property
    def context_primary_key(self) -> str | None:
        """Rows have no context table."""
        return None

    @property
    def columns(self) -> dict[str, AnyEncoding]:
        """Encodings of the columns that are modelled, in their order."""
        return self.statistics.columns

    def given(self, X: Features, without: Sequence[str] = ()) -> pa.Table:
        """The columns of `X` that can be given to the model, with the types that they had in `fit`: no keys."""
        table = fitted_columns(X, self.statistics.schema, without)
        return table.select([name for name in table.column_names if name in self.columns])

    def check_target(self, name: str) -> None:
        """Raise `InputError` unless the column is modelled."""
        if name in self.columns:
            return
        if name in self.statistics.schema.names:
            raise InputError(f"target: column {name!r} is a key, which is not modelled; choose another column")
        raise InputError(f"target: expected one of {', '.join(self.columns)}; found {name!r}")

    def check_chain(self, given: Sequence[str], asked: Sequence[str]) -> None:
        """Raise `InputError` for a conditional that a model of the natural order alone has not learned."""
        if self.configs.enable_flexible_generation:
            return
        names = list(self.columns)
        for done, name in enumerate(asked):
            before, known = set(names[: names.index(name)]), {*given, *asked[:done]}
            wrong = sorted((before ^ known), key=names.index)
            if wrong:
                what = "is missing" if wrong[0] in before else f"does not come before {name!r}"
                raise InputError(
                    f"column {wrong[0]!r} {what}: this model was trained without enable_flexible_generation, so it "
                    f"knows {name!r} given exactly the columns before it; train it with that, or give these columns"
                )

    def log_likelihood(self, table: pa.Table, n_orders: int | None, seed: int) -> Tensor:
        """Log-probability (N,) of the table's columns: in their natural order, or the mean over random ones."""
        names = table.column_names
        if self.network is None or not names:
            return torch.zeros(table.num_rows, dtype=torch.float64)
        places = {name: place for place, name in enumerate(self.columns)}
        rest = [place for name, place in places.items() if name not in names]
        if n_orders is None:
            self.check_chain([], names)
        elif not self.configs.enable_flexible_generation:
            raise InputError(
                "n_orders: this model was trained without enable_flexible_generation, so it knows one order only; "
                "leave n_orders out"
            )
        codes = torch.zeros(table.num_rows, len(self.network.layout.cardinalities), dtype=torch.int32)
        codes[:, self._parts(names)] = self._codes(table)
        total = torch.zeros(table.num_rows, dtype=torch.float64)
        rng = np.random.default_rng(derive_seed(seed, "log_prob"))
        for _ in range(n_orders or 1):
            shuffled = names if n_orders is None else rng.permutation(names).tolist()
            order = [*(places[name] for name in shuffled), *rest]
            total += log_likelihood(self.network, codes, order, n_scored=len(names))
        return total / (n_orders or 1)

    def probabilities(
        self,
        table: pa.Table,
        targets: Sequence[str],
        method: RareCategoryReplacementMethod = RareCategoryReplacementMethod.constant,
    ) -> tuple[Tensor, list[Outcomes]]:
        """Exact probabilities (N, outcomes) of all combinations of the targets' outcomes, the last one's varying first.

        Args:
            table: What is given.
            targets: Columns that are asked for.
            method: Whether a rare category is an outcome of its own.

        Raises:
            InputError: a target that has no such outcomes, or a chain that the model has not learned.
        """
        assert self.network is not None
        self.check_chain(table.column_names, targets)
        outcomes = [Outcomes.of(name, self.columns[name], method) for name in targets]
        asked: list[int] = []
        allowed: list[Tensor] = []
        for name, told in zip(targets, outcomes, strict=True):
            parts = self.network.layout.places(name)
            wanted = parts if name != targets[-1] else parts[:1]
            asked += wanted
            allowed += [torch.from_numpy(codes) for codes in told.allowed[: len(wanted)]]
        question = Question(
            given=self._parts(table.column_names),
            asked=asked,
            allowed=allowed,
            outcome_of_M=_outcome_of_combination(outcomes, targets),
            n_outcomes=int(np.prod([len(told.labels) for told in outcomes])),
        )
        return outcome_probabilities(self.network, self._codes(table), question), outcomes

    def has_code_for_each_value(self, name: str) -> bool:
        """Whether the column has one sub-column, and no code of it stands for a range."""
        encoding = self.columns[name]
        told = encoding.outcomes()
        is_single = told is not None and not any(isinstance(outcome, Range) for outcome in told)
        return is_single and len(encoding.cardinalities) == 1

    def most_likely(self, table: pa.Table, target: str) -> pa.Array:
        """The most likely value of a column that has a code for each, given a table; in the column's type."""
        method = RareCategoryReplacementMethod.sample
        probabilities, (outcomes,) = self.probabilities(table, [target], method)
        code_of_outcome = np.empty(len(outcomes.labels), np.int32)
        code_of_outcome[outcomes.outcome_of_code] = outcomes.allowed[0]
        codes = code_of_outcome[probabilities.argmax(1).numpy()]
        return self.columns[target].decode(codes[:, None], np.random.default_rng(0))

    def schema_of(self, names: Sequence[str]) -> pa.Schema:
        """Schema of some columns of the fitted table; they may be null."""
        schema = self.statistics.schema
        return pa.schema([schema.field(name).with_nullable(True) for name in names], metadata=schema.metadata)

    def _parts(self, names: Sequence[str]) -> list[int]:
        assert self.network is not None
        return [place for name in names for place in self.network.layout.places(name)]

    def _codes(self, table: pa.Table) -> Tensor:
        """Codes (N, sub-columns) of the table's columns; what is not among those that the model knows is rare."""
        if not table.num_columns:
            return torch.zeros(table.num_rows, 0, dtype=torch.int32)
        codes = encode_table(table, {name: self.columns[name] for name in table.column_names})
        return torch.from_numpy(np.column_stack([part.to_numpy() for part in codes.columns]).astype(np.int32))


def _outcome_of_combination(outcomes: Sequence[Outcomes], targets: Sequence[str]) -> Tensor:
    """Number of the outcome of every combination of codes; of the last target the first sub-column alone counts."""
    groups, sizes = [], []
    for place, told in enumerate(outcomes):
        parts = told.allowed if place < len(outcomes) - 1 else told.allowed[:1]
        n_behind = int(np.prod([len(codes) for codes in parts[1:]]))
        groups.append(np.repeat(told.outcome_of_code, n_behind))
        sizes.append(len(told.labels))
    n_combinations = float(np.prod([float(len(group)) for group in groups]))
    if n_combinations > MAX_COMBINATIONS:
        raise InputError(
            f"target: {', '.join(map(repr, targets))} together have {n_combinations:,.0f} combinations of codes, more "
            f"than {MAX_COMBINATIONS:,}; ask for fewer columns at once, or for the one with most values last"
        )
    mesh = np.meshgrid(*groups, indexing="ij")
    return torch.from_numpy(np.ravel_multi_index([part.ravel() for part in mesh], sizes).astype(np.int64))
