"""What a fitted estimator is asked about rows, and how it answers."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from synth_engine.domain import InputError
from synth_engine.domain.randomness import fresh_seed
from synth_engine.estimators.aggregation import Aggregation, aggregated, automatic, check_aggregation, collected
from synth_engine.estimators.drawing import as_frame, draw_for
from synth_engine.estimators.lifecycle import Lifecycle
from synth_engine.estimators.outcomes import as_columns
from synth_engine.estimators.tables import Features, Target, as_frame_or_table, index_of
from synth_engine.stages.table_input import TableLike

if TYPE_CHECKING:  # it takes seconds to import
    from synth_engine.estimators.fitted_model import FittedModel
    from synth_engine.estimators.fitted_sequences import FittedSequences


class Answers(Lifecycle):
    """Questions about rows: see `TabularARGN`."""

    def predict(
        self,
        X: Features,
        target: Target = None,
        n_draws: int = 1,
        agg_fn: Aggregation = "auto",
        random_state: int | None = None,
    ) -> "pd.Series[Any] | pd.DataFrame":
        """The value of one or several columns, given others.

        Draws the targets `n_draws` times for every row and aggregates these draws, column by column. The mode of a
        single column that has a code for each value (a category, a discrete number) is taken from the exact
        probabilities in place of draws, so that neither `n_draws` nor a seed matters to it.

        Args:
            X: Rows with any of the other columns, see `predict_proba`.
            target: Column or columns; None is the `y` of `fit`.
            n_draws: How often each row is drawn. The more, the less chance is in means and medians.
            agg_fn: ``mode``, ``mean`` (of whole numbers rounded), ``median`` (the lower one), ``list`` of all draws, or
                a callable that is given a series with the draws of a row. ``auto`` is the mode of categories and texts,
                the mean of whole numbers and floats, the median of decimals, dates and times.
            random_state: Seed; None is that of the estimator or, where that is None too, a new one.

        Returns:
            A series, or a frame where `target` is a list; with the dtypes of the fitted table. Rare categories are
            never predicted as ``_RARE_``; null is, where the column had nulls.

        Raises:
            InputError: an argument that cannot be used, named in the message; or the model is one of subjects.
        """
        check_aggregation(agg_fn)
        model, names = self._model(), self._targets(target)
        _check_count("n_draws", n_draws)
        given = model.given(X, names)
        is_mode = agg_fn == "mode" or (agg_fn == "auto" and automatic(model.columns[names[0]]) == "mode")
        if len(names) == 1 and is_mode and model.has_code_for_each_value(names[0]):
            predicted = self._as_frame({names[0]: model.most_likely(given, names[0])})
        else:
            model.check_chain(given.column_names, [name for name in model.columns if name in names])
            draws = draw_for(self._fitted(), given, n_draws, **self._drawing(random_state)).select(names)
            predicted = self._aggregated(draws, n_draws, agg_fn)
        predicted.index = index_of(X)
        return predicted if target is not None and not isinstance(target, str) else predicted[names[0]]

    def predict_proba(self, X: Features, target: Target = None) -> pd.DataFrame:
        """Exact probabilities of all values of one or several columns, given others. Nothing is drawn.

        One conditional of the network for one target; for several a chain of them, in the order in which they are
        named. What is given may be any of the other columns: one that `X` lacks is not given, a null in it is. What is
        in the target columns is not looked at. A value that the model does not know counts as rare or, of numbers and
        dates, as the nearest that it knows.

        Args:
            X: Rows with any of the other columns, of any type that can be converted exactly.
            target: Column or columns; None is the `y` of `fit`.

        Returns:
            Shape (rows, outcomes); each row adds up to 1. Of categories and discrete numbers the outcomes are their
            values, of a binned number popular values and, for what lies between these, `pd.Interval`; of a date its
            year (in UTC). ``_RARE_`` and null (None) stand at the end, where they can occur. Of several targets the
            columns are a `pd.MultiIndex` of all combinations, null being NaN there.

        Raises:
            InputError: a column that has no list of outcomes, as names and coordinates have none, or another argument
                that cannot be used, named in the message.
        """
        model, names = self._model(), self._targets(target)
        probabilities, outcomes = model.probabilities(model.given(X, names), names)
        columns = as_columns(outcomes, names)
        return pd.DataFrame(probabilities.numpy(), columns=columns, index=index_of(X), copy=False)

    def log_prob(
        self,
        X: Features,
        n_orders: int | None = None,
        random_state: int | None = None,
        *,
        ctx_data: TableLike | None = None,
    ) -> "pd.Series[float]":
        """Log-likelihood of every row, in nats: the lower, the less the model expects it.

        It is that of the codes of the columns in `X`: of a number that of its bin and its place in it, not a density,
        so that it can be compared between rows, not between models with other encodings. Columns that `X` lacks are not
        looked at. A category that the model does not know counts as rare, a number or a date outside the known range
        as the nearest end of it: a value is not found for being far out. Keys do not count.

        Of subjects with their events it is the log-likelihood of a whole subject, without any approximation: of the
        number of its events, and of each of these given all before it. All columns must be there. Of a subject with
        more events than the model takes for possible the first ones count.

        Args:
            X: Rows, or the events of subjects, in order.
            n_orders: None takes the columns one after the other in their natural order. A number takes the mean of the
                log-likelihoods in so many random orders, the same for all rows; that is no likelihood, but a lower
                bound of that of the mixture of these orders.
                For subjects with their events there is the natural order only.
            random_state: Seed of the orders; None is that of the estimator or, where that is None too, a new one.
            ctx_data: The subjects that `X` refers to, for a model with a context table: as in `sample`.

        Returns:
            A number for each row, with the index of `X`; or for each subject, with its key as index, in the order of
            `ctx_data` (which may hold subjects without events) or, without a context table, as they appear in `X`.

        Raises:
            InputError: an argument that cannot be used, named in the message.

        The rows that a model finds least likely, for example::

            outliers = table.loc[model.log_prob(table, n_orders=10).nsmallest(20).index]
        """
        if n_orders is not None:
            _check_count("n_orders", n_orders)
        subjects = self._model_of_subjects()
        if subjects is not None:
            if n_orders is not None:
                raise InputError(
                    "n_orders: for subjects with events there is the natural order only; leave n_orders out"
                )
            return subjects.log_likelihood(X, ctx_data)
        if ctx_data is not None:
            raise InputError("ctx_data: the model has no context table, so none can be given; leave it out")
        model = self._model()
        total = model.log_likelihood(model.given(X), n_orders, self._seed(random_state))
        return pd.Series(total.numpy(), index=index_of(X), name="log_prob")

    def impute(self, X: Features, n_draws: int = 1, random_state: int | None = None) -> pd.DataFrame:
        """Fill the nulls of a table, row by row, with what the model draws given everything else in the row.

        Args:
            X: Rows with any of the columns; columns that it lacks are not added. Nulls in a key stay.
            n_draws: How often each row is drawn; of several draws the mode, mean or median is taken, as `predict` does
                by itself. One draw keeps the spread of a column, many give the best guess for each cell.
            random_state: Seed; None is that of the estimator or, where that is None too, a new one.

        Returns:
            `X` as a frame. What was given is unchanged; columns in which nulls were filled have the dtype that they had
            in `fit`, all others are as they were.

        Raises:
            InputError: an argument that cannot be used, named in the message.
        """
        _check_count("n_draws", n_draws)
        model = self._model()
        given, table = model.given(X), as_frame_or_table(X)
        result = table.copy() if isinstance(table, pd.DataFrame) else as_frame(table)
        wanted = [name for name in given.column_names if given[name].null_count]
        if not wanted:
            return result
        is_wanted = np.logical_or.reduce([given[name].is_null().to_numpy() for name in wanted])
        rows = given.filter(pa.array(is_wanted)).combine_chunks()
        settings = {**self._drawing(random_state), "imputation": {"columns": wanted}}
        draws = draw_for(self._fitted(), rows, n_draws, **settings)
        columns = {}
        for name in wanted:
            values = aggregated(name, _only_chunk(draws[name]), n_draws, "auto", model.columns[name])
            columns[name] = _with_filled(_only_chunk(given[name]), np.flatnonzero(is_wanted), values)
        for name, column in self._as_frame(columns).items():
            result[name] = column.set_axis(result.index)
        return result

    def _model(self) -> "FittedModel":
        """The model, if it is one of rows."""
        from synth_engine.estimators.fitted_model import FittedModel

        model = self._any_model()
        if not isinstance(model, FittedModel):
            raise InputError(
                "tgt_context_key: the model is one of subjects with their events, which can be drawn with sample and "
                "judged with log_prob; predict, predict_proba and impute are for models of single rows, so fit one "
                "without tgt_context_key"
            )
        return model

    def _model_of_subjects(self) -> "FittedSequences | None":
        """The model, if it is one of subjects."""
        from synth_engine.estimators.fitted_sequences import FittedSequences

        model = self._any_model()
        return model if isinstance(model, FittedSequences) else None

    def _aggregated(self, draws: pa.Table, n_draws: int, agg_fn: Aggregation) -> pd.DataFrame:
        if callable(agg_fn) or agg_fn == "list":
            frame = as_frame(draws)
            return pd.DataFrame({name: collected(frame[name], n_draws, agg_fn) for name in frame.columns})
        columns = self._model().columns
        return self._as_frame(
            {
                name: aggregated(name, _only_chunk(draws[name]), n_draws, agg_fn, columns[name])
                for name in draws.column_names
            }
        )

    def _as_frame(self, columns: dict[str, pa.Array]) -> pd.DataFrame:
        """Columns in plain layout, with the dtypes that they had in `fit`."""
        return as_frame(pa.table(list(columns.values()), schema=self._model().schema_of(list(columns))))

    def _targets(self, target: Target) -> list[str]:
        """Names of the targets, checked."""
        wanted = self.target_ if target is None else target
        if wanted is None:
            raise InputError(
                "target: expected a column or several, found None; it may be left out after fit(X, y) only"
            )
        names = [wanted] if isinstance(wanted, str) else list(wanted)
        if not names or len(set(names)) < len(names):
            raise InputError(f"target: expected one or several different columns, found {names!r}")
        for name in names:
            self._model().check_target(name)
        return names

    def _drawing(self, random_state: int | None) -> dict[str, Any]:
        device = None if self.device is None else str(self.device)
        return {"device": device, "random_state": self._seed(random_state)}

    def _seed(self, random_state: int | None) -> int:
        if random_state is not None:
            return random_state
        return fresh_seed() if self.random_state is None else self.random_state


def _check_count(argument: str, number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
        raise InputError(f"{argument}: expected a whole number from 1 on, found {number!r}")


def _only_chunk(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def _with_filled(column: pa.Array, rows: npt.NDArray[np.int64], values: pa.Array) -> pa.Array:
    """The column with values in place of its nulls; `rows` tells which row each of the values is for."""
    places = np.arange(len(column))
    is_filled = column.is_null().to_numpy(zero_copy_only=False)[rows]
    places[rows[is_filled]] = len(column) + np.flatnonzero(is_filled)
    return pa.concat_arrays([column, values]).take(pa.array(places))
