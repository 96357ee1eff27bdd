"""What the fidelity report says: figures and names of columns, never a value of a row.

Belongs here: the shape of the answer. Does not belong here: how it is measured.
"""

from pydantic import BaseModel, ConfigDict

Interval = tuple[float, float]


class Figures(BaseModel):
    """Base of all parts: frozen; ``model_dump(mode="json")`` is what goes into a report."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(Figures):
    """A figure of the synthetic rows beside its ceiling: the same figure of as many held-out rows. 1 is perfect.

    Intervals are of 95 %, by the jackknife over ten groups of rows (of subjects, in sequences); None where there are
    too few rows for that.
    """

    synthetic: float
    ceiling: float
    interval: Interval | None = None
    """Of `synthetic`."""
    shortfall_interval: Interval | None = None
    """Of `shortfall`: rows that are as good as real ones have 0 in it."""

    @property
    def shortfall(self) -> float:
        """How far below the ceiling; negative above it, as a model is that repeats its training rows."""
        return self.ceiling - self.synthetic


class Rows(Figures):
    """Numbers of rows, or of subjects."""

    training: int
    holdout: int
    synthetic: int


class Shares(Figures):
    """One share in each table."""

    training: float
    holdout: float
    synthetic: float


class ColumnFidelity(Figures):
    """One column: what it was taken for, its accuracy, and how many cells are null."""

    kind: str
    """``number``, ``date``, ``category``, or ``text``, of which only lengths are compared."""
    accuracy: Score
    nulls: Shares


class PairFidelity(Figures):
    """Accuracy of two columns together."""

    columns: tuple[str, str]
    accuracy: Score


class Difference(Figures):
    """How far coefficients of pairs of columns are from those of the training rows. 0 is perfect."""

    n_pairs: int
    mean: float
    """Mean of the absolute differences, of the synthetic rows."""
    mean_floor: float
    """The same of the held-out rows: what real rows reach."""
    largest: float
    largest_floor: float
    worst: tuple[str, str]
    """The pair with the largest difference, of the synthetic rows."""


class Correlations(Figures):
    """Differences of two matrices; None where there is no pair of such columns."""

    rank: Difference | None
    """Spearman's rank correlation, of numbers and dates; of each pair the rows without nulls."""
    association: Difference | None
    """Cramér's V of classes, corrected for bias; of the pairs that `bivariate` is about."""


class MissingValues(Figures):
    """Nulls: of single columns, and which are null together."""

    columns: Score
    """One minus the mean absolute difference of the shares of nulls, over columns."""
    patterns: Score
    """One minus the total variation distance of the sets of columns that are null, rare sets taken together."""
    n_columns: int
    """Columns with a null in any table; only these count."""
    worst: str


class ColumnOfSequence(Figures):
    """How the values of one column follow each other within a subject."""

    coherence: Score | None
    """One minus the total variation distance of pairs of successive classes; None without successive events."""
    stays: Shares
    """Share of events, but first ones, with exactly the value of the event before."""
    constant: Shares
    """Share of the subjects with two events or more whose value never changes."""


class SequenceFidelity(Figures):
    """Events of subjects. A subject without events is in none of the tables, so it is not counted."""

    subjects: Rows
    """Subjects whose events were compared."""
    lengths: Score
    """One minus the total variation distance of numbers of events, in quantile ranges."""
    mean_length: Shares
    coherence: Score | None
    """Mean over columns."""
    stays: Score | None
    """One minus the mean absolute difference of the shares of values that stay."""
    constancy: Score | None
    """One minus the mean absolute difference of the shares of subjects whose value never changes."""
    columns: dict[str, ColumnOfSequence]


class ConstraintFidelity(Figures):
    """Rows that break one constraint, of all rows given."""

    type: str
    columns: list[str]
    broken: Rows
    share: float
    """Of the synthetic rows."""
    interval: Interval
    """Of `share`, 95 %, by Clopper and Pearson (1934)."""


class Fidelity(Figures):
    """The whole report. A figure that could not be measured is None, and `notes` say why.

    Accuracy is one minus the total variation distance between the shares of classes, or of combinations of classes, in
    the compared rows and in the training rows.
    """

    accuracy: Score | None
    """Mean of `univariate`, `bivariate`, `trivariate`, and of the coherence of sequences, as far as there are such."""
    univariate: Score | None
    bivariate: Score | None
    trivariate: Score | None
    columns: dict[str, ColumnFidelity]
    correlations: Correlations
    missing: MissingValues | None
    """None where no table has a null."""
    sequences: SequenceFidelity | None
    constraints: list[ConstraintFidelity]
    worst_columns: list[str]
    """Those furthest below their ceiling, worst first."""
    worst_pairs: list[PairFidelity]
    n_pairs: int
    n_triples: int
    left_out: dict[str, str]
    """Columns that were not compared, and why."""
    given: Rows
    compared: Rows
    notes: list[str]
