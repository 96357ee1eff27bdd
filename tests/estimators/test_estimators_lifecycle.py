"""From the constructor to the end: scikit-learn's conventions, pickles, workspaces and who removes them, refusals."""

import copy
import gc
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.validation import check_is_fitted

from synth_engine import TabularARGN
from synth_engine.domain import ArtefactError, InputError, UserError
from synth_engine.estimators.own_workspace import OwnWorkspace, remove_if_owner
from synth_engine.workspace import Workspace
from tests.conftest import ROOT
from tests.estimators.helpers import fast
from tests.stages.helpers import fit as run_verbs
from tests.workspace.helpers import tree

QUESTIONS = {
    "sample": lambda model, rows: model.sample(3),
    "predict": lambda model, rows: model.predict(rows, "plan"),
    "predict_proba": lambda model, rows: model.predict_proba(rows, "plan"),
    "log_prob": lambda model, rows: model.log_prob(rows),
    "impute": lambda model, rows: model.impute(rows),
}


@pytest.fixture
def rows(table):
    return table[["plan", "visits"]]


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files of this process, empty at first."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_parameters_are_those_of_the_constructor():
    model = TabularARGN(max_epochs=3, verbose=1)
    params = model.get_params()
    assert params["max_epochs"] == 3
    assert TabularARGN(**params).get_params() == params
    assert model.set_params(max_epochs=5, model=None) is model
    assert model.get_params() == params | {"max_epochs": 5}
    with pytest.raises(InputError, match="epochs: unknown parameter of TabularARGN; expected tgt_context_key"):
        model.set_params(epochs=5)
    assert repr(model) == "TabularARGN(max_epochs=5, verbose=1)"
    assert repr(TabularARGN(ctx_data=pd.DataFrame({"secret": [1]}))) == "TabularARGN(ctx_data=<DataFrame>)"


def test_a_clone_is_equal_and_unfitted(rows):
    with fast(max_epochs=0.1) as model:
        check_is_fitted(model.fit(rows))
        other = clone(model)
    assert other.get_params() == model.get_params()
    for unfitted in (other, model):
        with pytest.raises(NotFittedError):
            check_is_fitted(unfitted)


def test_scikit_learn_cross_validates(rows, temporary):
    by_likelihood = cross_val_score(
        fast(max_epochs=0.1), rows, cv=2, scoring=lambda model, X, y=None: model.log_prob(X).mean()
    )
    assert np.isfinite(by_likelihood).all()
    hits = cross_val_score(
        fast(max_epochs=0.1),
        rows[["visits"]],
        rows["plan"],
        cv=2,
        scoring=lambda model, X, y: (model.predict(X) == y).mean(),
    )
    assert (hits > 0).all()
    gc.collect()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_without_a_model_there_is_no_answer(question, rows):
    model = fast(max_epochs=0.1)
    with pytest.raises(InputError, match="TabularARGN has no model: it was not fitted, or was closed"):
        QUESTIONS[question](model, rows)
    model.fit(rows).close()
    model.close()
    with pytest.raises(InputError, match="has no model"):
        QUESTIONS[question](model, rows)


def test_a_temporary_workspace_is_removed(rows, temporary):
    with fast(max_epochs=0.1) as model:
        model.fit(rows)
        assert len(list(temporary.iterdir())) == 1
        model.fit(rows)
        assert len(list(temporary.iterdir())) == 1, "that of the former model is gone"
    assert list(temporary.iterdir()) == []
    model.fit(rows)
    del model
    gc.collect()
    assert list(temporary.iterdir()) == [], "nothing refers to it any more"


def test_a_temporary_workspace_holds_no_rows_and_is_private(rows, temporary):
    with fast(max_epochs=0.1) as model:
        model.fit(rows)
        (folder,) = temporary.iterdir()
        assert [path.name for path in folder.iterdir()] == ["ModelStore"]
        assert folder.stat().st_mode & 0o077 == 0


def test_a_fit_that_fails_leaves_nothing(rows, temporary):
    with pytest.raises(InputError, match="no_such_column"):
        fast(tgt_primary_key="no_such_column").fit(rows)
    assert list(temporary.iterdir()) == []


def test_a_workspace_that_was_given_stays(rows, tmp_path, temporary):
    with fast(max_epochs=0.1, workspace_dir=tmp_path / "ws") as model:
        model.fit(rows)
        assert list(temporary.iterdir()) == []
        before = tree(Workspace(tmp_path / "ws"))
        likelihoods = model.log_prob(rows)
        QUESTIONS["sample"](model, rows)
    assert tree(Workspace(tmp_path / "ws")) == before, "answers write nothing"
    assert TabularARGN.from_workspace(tmp_path / "ws").log_prob(rows).equals(likelihoods)


def test_the_same_seed_gives_the_same_model(rows):
    likelihoods = []
    for seed in (1, 1, 2):
        with fast(random_state=seed, max_epochs=1) as model:
            likelihoods.append(model.fit(rows).log_prob(rows))
    assert likelihoods[0].equals(likelihoods[1])
    assert not likelihoods[0].equals(likelihoods[2])


def test_what_was_trained_elsewhere_is_opened(rows, tmp_path):
    """As the verbs and the pipeline leave it, and of that the model alone."""
    run_verbs(rows.assign(key=range(len(rows))), str(tmp_path / "ws"), tgt_primary_key="key")
    shutil.rmtree(tmp_path / "ws" / "OriginalData")
    model = TabularARGN.from_workspace(tmp_path / "ws", random_state=3)
    assert np.isfinite(model.log_prob(rows)).all()
    assert set(model.sample(4).columns) == {"plan", "visits", "key"}
    assert model.tgt_primary_key == "key"
    assert model.get_params()["model"] == "MOSTLY_AI/Small"
    assert model.get_params()["random_state"] == 3
    assert model.workspace_dir is None, "so that another fit does not replace what others may use"
    with pytest.raises(ArtefactError, match="nowhere"):
        TabularARGN.from_workspace(tmp_path / "nowhere")


def test_a_pickle_works_in_another_process(rows, tmp_path, temporary):
    """Also when the first process and its workspace are gone. The second one cleans up as well."""
    with fast(max_epochs=0.1) as model:
        model.fit(rows, pd.Series(["a", "b"] * (len(rows) // 2), name="y"))
        data = pickle.dumps(model)
        expected = model.predict_proba(rows)
    assert list(temporary.iterdir()) == []
    (tmp_path / "model.pickle").write_bytes(data)
    rows.to_pickle(tmp_path / "rows.pickle")
    code = """
import os, pathlib, pickle, sys, pandas as pd
root = pathlib.Path(sys.argv[1])
model = pickle.loads((root / "model.pickle").read_bytes())
model.predict_proba(pd.read_pickle(root / "rows.pickle")).to_pickle(root / "answer.pickle")
assert model.get_params()["max_epochs"] == 0.1 and model.target_ == "y"
assert len(model.sample(3)) == 3
assert [name for name in os.listdir(os.environ["TMPDIR"]) if name.startswith("synth-engine-")]
"""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=environment, check=True)
    pd.testing.assert_frame_equal(pd.read_pickle(tmp_path / "answer.pickle"), expected)
    assert [path.name for path in temporary.iterdir() if path.name.startswith("synth-engine-")] == []


def test_a_pickle_holds_no_snapshot_and_no_rows(rows):
    with fast(max_epochs=0.1) as model:
        model.fit(rows)
        store = Path(str(model._workspace.root)) / "ModelStore"
        assert list(store.rglob("training-snapshot.pt"))
        with pickle.loads(pickle.dumps(model)) as other:
            restored = Path(str(other._workspace.root)) / "ModelStore"
            names = {path.name for path in restored.rglob("*") if path.is_file()}
            assert "training-snapshot.pt" not in names
            assert "model-weights.pt" in names


def test_a_pickle_of_a_given_workspace_holds_its_path(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = fast(max_epochs=0.1, workspace_dir="ws").fit(rows)
    data = pickle.dumps(model)
    assert len(data) < 10_000
    monkeypatch.chdir("/")
    assert pickle.loads(data).log_prob(rows).equals(model.log_prob(rows))


def test_a_copy_outlives_the_original(rows, temporary):
    with fast(max_epochs=0.1) as model:
        other = copy.deepcopy(model.fit(rows))
        expected = model.log_prob(rows)
    with other:
        assert other.log_prob(rows).equals(expected)
    assert list(temporary.iterdir()) == []


def test_an_unfitted_estimator_can_be_pickled():
    assert pickle.loads(pickle.dumps(fast())).get_params() == fast().get_params()


def test_a_forked_process_does_not_remove_it(temporary):
    own = OwnWorkspace()
    own.path.joinpath("file").touch()
    remove_if_owner(own.path, os.getpid() + 1)
    assert own.path.exists()
    own.close()
    assert list(temporary.iterdir()) == []


def test_progress_is_shown_on_request(rows, capsys):
    for verbose, is_shown in ((0, False), (1, True)):
        with fast(max_epochs=0.1, verbose=verbose) as model:
            model.fit(rows)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert ("train:" in captured.err) == is_shown


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"max_epochs": -1}, InputError, "max_epochs"),
        ({"batch_size": 0}, InputError, "batch_size"),
        ({"model": "Huge"}, InputError, "model: expected one of"),
        ({"random_state": "one"}, InputError, "random_state"),
        ({"value_protection": 3}, InputError, "value_protection"),
        ({"trn_val_split": 2}, InputError, "trn_val_split"),
        ({"device": "tpu"}, InputError, "device"),
        ({"ctx_primary_key": "a"}, InputError, "ctx_primary_key"),
        ({"tgt_context_key": "nobody"}, InputError, "tgt_context_key"),
        ({"ctx_data": pd.DataFrame({"a": [1]})}, InputError, "ctx_primary_key: expected the name of a column"),
        ({"max_sequence_window": 0}, InputError, "max_sequence_window"),
    ],
    ids=str,
)
def test_a_parameter_that_cannot_be_used_is_refused_before_work(rows, parameters, error, message, temporary):
    with pytest.raises(error, match=message):
        fast(**parameters, verbose=1).fit(rows)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1, 2]], None, "X: expected a pandas.DataFrame, a pyarrow.Table or a numpy array, found list"),
        (np.zeros(3), None, r"X: expected an array of shape \(rows, columns\), found \(3,\)"),
        (pd.DataFrame({"a": [1, 2]}), [1], "y: expected one value for each of the 2 rows of X, found 1"),
        (pd.DataFrame({"a": [1, 2]}), np.zeros((2, 2)), "y: expected a Series or an array of one dimension"),
        (pd.DataFrame({"target": [1, 2]}), [1, 2], "y: X has a column 'target' already"),
        (pa.table({"a": [1, 2]}), pd.Series([1, 2], name="a"), "y: X has a column 'a' already"),
        (pd.DataFrame({"a": [[1], [2]]}), None, "column 'a' holds list"),
        (pd.DataFrame(), None, "at least one column"),
    ],
)
def test_a_table_that_cannot_be_fitted_is_refused(X, y, message, temporary):
    with pytest.raises(InputError, match=message):
        fast().fit(X, y)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda model, rows: model.predict(rows), "target: expected a column or several, found None"),
        (
            lambda model, rows: model.predict_proba(rows, "plann"),
            "target: expected one of city, plan, .*; found 'plann'",
        ),
        (lambda model, rows: model.predict_proba(rows, "id"), "target: column 'id' is a key"),
        (lambda model, rows: model.predict(rows, []), "target: expected one or several different columns"),
        (
            lambda model, rows: model.predict(rows, ["plan", "plan"]),
            "target: expected one or several different columns",
        ),
        (lambda model, rows: model.predict(rows, "plan", n_draws=0), "n_draws: expected a whole number from 1 on"),
        (lambda model, rows: model.predict(rows, "plan", n_draws=True), "n_draws"),
        (lambda model, rows: model.impute(rows, n_draws=1.5), "n_draws"),
        (lambda model, rows: model.log_prob(rows, n_orders=0), "n_orders"),
        (lambda model, rows: model.predict(rows, "plan", agg_fn="max"), "agg_fn: expected one of auto, mode"),
        (lambda model, rows: model.predict(rows, "code", agg_fn="mean"), "agg_fn: 'mean' .* column 'code'"),
        (lambda model, rows: model.log_prob(rows.assign(other=1)), "X: column 'other' was not there"),
        (lambda model, rows: model.log_prob(rows.assign(plan=1)), "X: column 'plan' holds int64 values"),
        (lambda model, rows: model.log_prob(rows.assign(visits=1.5)), "X: column 'visits' holds double values"),
        (lambda model, rows: model.log_prob(rows.assign(amount=np.inf)), "X: column 'amount' must hold finite numbers"),
        (lambda model, rows: model.log_prob(rows["plan"]), "X: expected a pandas.DataFrame"),
        (lambda model, rows: model.sample(-1), "sample_size"),
        (lambda model, rows: model.sample(1, sampling_top_p=2), "sampling_top_p"),
        (lambda model, rows: model.sample(1, random_state=-1), "random_state"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(fitted, table, ask, message):
    with pytest.raises(UserError, match=message):
        ask(fitted, table)


def test_values_are_taken_in_any_type_that_fits(fitted, table):
    known = table.drop(columns="id").dropna()
    expected = fitted.log_prob(known)
    for other in (
        known.astype({"visits": "float64", "plan": "category", "city": object, "active": "boolean"}),
        known.convert_dtypes(),
        known.convert_dtypes(dtype_backend="pyarrow"),
        known[known.columns[::-1]],
    ):
        assert fitted.log_prob(other).equals(expected)
    assert fitted.log_prob(pa.Table.from_pandas(known, preserve_index=False)).tolist() == expected.tolist()
