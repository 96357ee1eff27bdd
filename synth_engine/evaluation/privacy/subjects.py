"""Subjects instead of events: what can be compared of people who have a different number of events.

Belongs here: features of a subject. Does not belong here: how features are compared.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.evaluation.privacy.harmony import is_ordered

_EVENTS = "events"


def features_of_subjects(events: pa.Table, context_key: str) -> pa.Table:
    """One row for each subject: how many events, and of each column the first value, and the mean or commonest one.

    Two subjects with the same events in the same order have the same features. The other way round it is likely, the
    more so the more columns there are. Events are in the order of the table.

    Args:
        events: Columns as `harmony.harmonised` makes them, and the key.
        context_key: Name of the column that says whose event a row is; events of nobody are ignored.

    Returns:
        The features, subjects in order of their first events. Means are in single precision, since a sum depends on
        the order of its parts.
    """
    events = events.filter(pc.is_valid(events[context_key]))
    keys = events[context_key].combine_chunks()
    if not pa.types.is_dictionary(keys.type):
        keys = keys.dictionary_encode()
    subjects = keys.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    present, first, subjects, counts = np.unique(subjects, return_index=True, return_inverse=True, return_counts=True)
    features: dict[str, Any] = {_EVENTS: pa.array(counts)}
    for name in events.column_names:
        if name == context_key:
            continue
        column = events[name].combine_chunks()
        features[f"first {name}"] = column.take(pa.array(first))
        of_all = _means if is_ordered(column.type) else _commonest
        features[f"{'mean' if is_ordered(column.type) else 'commonest'} {name}"] = of_all(
            column, subjects, len(present)
        )
    return pa.table(features).take(pa.array(np.argsort(first, kind="stable")))


def _means(column: Any, subjects: Any, n_subjects: int) -> Any:
    is_there = column.is_valid().to_numpy(zero_copy_only=False)
    values = column.drop_null().to_numpy().astype(np.float64)
    counts = np.bincount(subjects[is_there], minlength=n_subjects)
    sums = np.bincount(subjects[is_there], weights=values, minlength=n_subjects)
    means = np.divide(sums, counts, out=np.full(n_subjects, np.nan), where=counts > 0)
    return pa.array(means.astype(np.float32), from_pandas=True)


def _commonest(column: Any, subjects: Any, n_subjects: int) -> Any:
    """The value that most events of a subject have; of equally common ones the first to come, missing ones as well."""
    encoded = column.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    pairs, first, counts = np.unique(
        subjects * (len(encoded.dictionary) + 1) + codes, return_index=True, return_counts=True
    )
    whose = pairs // (len(encoded.dictionary) + 1)
    order = np.lexsort((first, -counts, whose))
    _, places = np.unique(whose[order], return_index=True)
    return column.take(pa.array(first[order][places]))
