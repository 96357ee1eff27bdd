"""On real tables a column that nobody named in training is predicted nearly as well as by a classifier made for it."""

import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.data import load_table, split_halves
from benchmarks.estimators import calibration_error
from synth_engine import TabularARGN

EPOCHS = 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "target", "positive"), [("census.csv.gz", "income", ">50K"), ("bank_marketing.csv.gz", "y", "yes")]
)
def test_held_out_rows_are_classified_and_calibrated(shared_data, file, target, positive):
    """Tuned gradient boosting reaches an AUC of 0.926 and 0.935 on the same rows, see docs/log.md."""
    training, holdout = split_halves(load_table(shared_data / file), 0)
    with TabularARGN(max_epochs=EPOCHS, random_state=0) as model:
        probabilities = model.fit(training).predict_proba(holdout, target)[positive].to_numpy()
    is_positive = (holdout[target] == positive).to_numpy()
    assert roc_auc_score(is_positive, probabilities) >= 0.90
    assert calibration_error(is_positive, probabilities) <= 0.03
