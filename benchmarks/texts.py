"""How good synthetic texts are: the titles of London listings, beside held-out ones.

What losses count differs by engine (tokens of each), so quality is told by judges who see texts alone: a linear
classifier on pieces of words that tells titles from held-out ones (0.5: it cannot), and how often titles are repeated.
`mostlyai-qa` is not asked: it sees embeddings of rows.
"""

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from benchmarks.datasets import TEXT, TEXT_TYPES
from benchmarks.judge import judge_auc


def quality(
    synthetic: pd.DataFrame, train: pd.DataFrame, holdout: pd.DataFrame, *, same: bool = False
) -> dict[str, float]:
    """Figures of synthetic rows, or of training rows themselves (`same`), by what held-out rows are like."""
    shown = holdout.sample(min(len(synthetic), len(holdout)), random_state=0)
    titles = synthetic[TEXT].fillna("")
    found = {
        "auc_of_titles": text_auc(shown[TEXT].fillna(""), titles),
        "auc_of_other_columns": judge_auc(shown.drop(columns=TEXT), synthetic.drop(columns=TEXT)),
        "mean_characters": float(titles.str.len().mean()),
        "different_titles": float(titles.nunique() / max(len(titles), 1)),
    }
    if not same:
        found |= {
            "titles_of_training_rows": copied(titles, train[TEXT]),
            "titles_of_training_rows_in_holdout": copied(shown[TEXT], train[TEXT]),
            "most_repeated_training_title": repeated(titles, train[TEXT]),
            "most_repeated_training_title_in_holdout": repeated(shown[TEXT], train[TEXT]),
            "valid_rows": valid(synthetic, train),
        }
    return found


def text_auc(real: pd.Series, other: pd.Series) -> float:
    """Mean AUC, over three folds, of a linear classifier on pieces of words of 1 to 4 characters."""
    n = min(len(real), len(other))
    both = pd.concat([real[:n], other[:n]], ignore_index=True)
    features = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), min_df=3, sublinear_tf=True)
    judge = make_pipeline(features, LogisticRegression(max_iter=1000))
    return float(cross_val_score(judge, both, np.repeat([0, 1], n), cv=3, scoring="roc_auc").mean())


def copied(titles: pd.Series, train: pd.Series) -> float:
    """Share of the titles that are those of training rows, character by character."""
    return float(titles[titles.notna() & (titles != "")].isin(set(train.dropna())).mean())


def repeated(titles: pd.Series, train: pd.Series) -> float:
    """How often the training title is there that is there most often, for each time that it was trained on."""
    counts = titles[titles.notna() & titles.isin(set(train.dropna()))].value_counts()
    return float((counts / train.value_counts().reindex(counts.index)).max()) if len(counts) else 0.0


def valid(synthetic: pd.DataFrame, train: pd.DataFrame) -> float:
    """Share of rows whose categories exist and whose price is in range."""
    is_valid = pd.to_numeric(synthetic["price"], errors="coerce").between(train["price"].min(), train["price"].max())
    for name, kind in TEXT_TYPES.items():
        if kind == "LANGUAGE_CATEGORICAL":
            is_valid &= synthetic[name].isin(set(train[name]))
    return float(is_valid.mean())
