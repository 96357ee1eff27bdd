"""The report as an object: what was measured, on what, with which versions.

Belongs here: the shape of the answer. Does not belong here: measuring, limits, looks.
"""

from datetime import datetime
from typing import Literal

from synth_engine.evaluation.discriminator import Discriminator
from synth_engine.evaluation.fidelity import Fidelity, Rows
from synth_engine.evaluation.privacy import NotMeasured, PrivacyAttacks, Result
from synth_engine.evaluation.utility import Utility

FORMAT = 1


class Tables(Result):
    """What was compared.

    Args:
        rows: Rows that there are.
        compared: Rows that were read for the comparison, the first of each table. `split` has shuffled original rows;
            synthetic ones that were drawn for given rows are in the order of these.
        columns: Encoding type by column, without keys.
        keys: Columns that identify rows or subjects; nothing but their being there is judged.
        context_key: The column that says whose event a row is.
        subjects: Subjects among the rows that were read; None where each row is one.
    """

    rows: Rows
    compared: Rows
    columns: dict[str, str]
    keys: list[str]
    context_key: str | None
    subjects: Rows | None


class Protection(Result):
    """What protects people by construction.

    Args:
        values: How statistics were made: ``thresholds`` (a value needs several people), ``differential privacy``, or
            ``none``.
        epsilon: What is claimed of everything that was made from the data, by the ledger: the sum over statistics and
            trainings; None where anything has no bound.
        delta: Likewise.
        epsilon_of_training: Of the model alone; None where it has no bound.
        delta_of_training: Likewise.
    """

    values: Literal["thresholds", "differential privacy", "none"]
    epsilon: float | None
    delta: float | None
    epsilon_of_training: float | None
    delta_of_training: float | None


class QaFigures(Result):
    """What `mostlyai-qa`, a library of others, says of the same rows. Accuracies beside what held-out rows reach.

    Args:
        accuracy: Its overall accuracy.
        accuracy_ceiling: The same of held-out rows.
        univariate: Of single columns.
        bivariate: Of pairs.
        trivariate: Of triples.
        coherence: Of successive events; None for a table without.
        discriminator_auc: Its judge's AUC of synthetic against training rows; None where it was not found.
        share_closer: Share of synthetic rows that are closer to a training than to a held-out row.
    """

    accuracy: float | None
    accuracy_ceiling: float | None
    univariate: float | None
    bivariate: float | None
    trivariate: float | None
    coherence: float | None
    discriminator_auc: float | None
    share_closer: float | None


class Report(Result):
    """The whole report.

    Attributes:
        name: Of the dataset.
        created: When, UTC.
        versions: Of the libraries that figures rest on.
        seed: Of all samples; the same seed and artefacts give the same figures.
        tables: What was compared.
        schema_problems: How the synthetic table's schema differs from the original's; empty if it does not.
        fidelity: How like the training rows.
        discriminator: How well a judge tells them from real rows.
        utility: What models trained on them are worth.
        privacy: What attackers learn from them.
        protection: What protects people by construction.
        qa: The opinion of another library.
        inputs: Digest of each artefact that it was made from.
        seconds: How long each part took.
        notes: What a reader has to know besides.
    """

    format: int = FORMAT
    name: str
    created: datetime
    versions: dict[str, str]
    seed: int
    tables: Tables
    schema_problems: list[str]
    fidelity: Fidelity | NotMeasured
    discriminator: Discriminator | NotMeasured
    utility: Utility | NotMeasured
    privacy: PrivacyAttacks | NotMeasured
    protection: Protection
    qa: QaFigures | NotMeasured
    inputs: dict[str, str]
    seconds: dict[str, float]
    notes: list[str]
