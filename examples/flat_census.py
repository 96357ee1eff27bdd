"""One flat table: a twin of the US census of 1994, and what else its model can be asked.

python examples/flat_census.py [--quick] [--data FOLDER] [--workspace FOLDER]
"""

import pandas as pd
from common import arguments, beside, judged, read

from synth_engine import TabularARGN, analyze, encode, generate, split, train


def main() -> None:
    """Make a twin, look at it, ask its model, measure it."""
    args = arguments(__doc__, "census")
    census = read(args.data, "census.csv.gz").sample(4_000 if args.quick else 24_000, random_state=0)
    workspace = args.workspace

    # Five stages, each of which leaves a folder. Of a fifth of the people nothing is learned: they tell when to stop,
    # and the report compares with them. The seeds are only here so that you see what we saw.
    print("Learning; without --quick this takes minutes")
    split(census, workspace_dir=workspace, random_state=0)
    analyze(workspace_dir=workspace)  # what may be known of each column: nothing that only a few people have
    encode(workspace_dir=workspace)
    train(
        workspace_dir=workspace, max_epochs=4 if args.quick else None, random_state=0
    )  # None: until it gets no better
    generate(workspace_dir=workspace, random_state=0)
    synthetic = pd.read_parquet(workspace / "SyntheticData")

    # Is it like the original? First columns by themselves, then what depends on what.
    both = {"real": census, "synthetic": synthetic}
    beside("Numbers", lambda table: table[["age", "hours_per_week", "capital_gain"]].mean(), **both)
    beside("Shares", lambda table: table["marital_status"].value_counts(normalize=True), **both)
    education = {"education": ["HS-grad", "Some-college", "Bachelors", "Masters", "Doctorate"]}
    beside("How many have a high income, by education", lambda table: chances(table, education), **both)

    # The same model answers for any column, given any others. Cells that are given stay as they are.
    model = TabularARGN.from_workspace(workspace, random_state=0)
    asked = pd.DataFrame({"sex": ["Female"] * 500, "education": "Doctorate"})
    women = census[(census["sex"] == "Female") & (census["education"] == "Doctorate")]
    title = "Women with a doctorate, of whom the model draws as many as we like"
    common = ["Prof-specialty", "Exec-managerial"]
    share = {"real": women, "drawn": model.sample(seed_data=asked)}
    beside(title, lambda table: table["occupation"].value_counts(normalize=True).reindex(common), **share)

    # Exact probabilities, without a draw: here of one answer, for two people who differ in one thing.
    people = pd.DataFrame({"education": ["HS-grad", "Masters"], "sex": "Male", "age": 45})
    print("\nHow likely a high income is for two men of 45")
    print(people.assign(chance=model.predict_proba(people, "income")[">50K"].round(2)).to_string(index=False))

    # Gaps are filled so that they fit the rest of their row. We make gaps ourselves, so we know what was there.
    truth = census.head(1_000)
    filled = model.impute(truth.assign(relationship=None), n_draws=1 if args.quick else 11)
    right = (filled["relationship"] == truth["relationship"]).mean()
    usual = truth["relationship"].value_counts(normalize=True).iloc[0]
    print(f"\nGaps in `relationship` filled with what was there: {right:.0%} (the commonest value always: {usual:.0%})")

    # How likely is a row? Those that hardly fit what the model has learned are mistakes, or simply unusual people.
    odd = truth.loc[model.log_prob(truth[["age", "education", "marital_status", "relationship", "sex"]]).idxmin()]
    print(f"The least likely of them: {odd[['age', 'education', 'marital_status', 'relationship', 'sex']].to_dict()}")

    judged(workspace)  # against the rows that nothing was learned of


def chances(table: pd.DataFrame, of: dict[str, list[str]]) -> "pd.Series[float]":
    """Share of people with a high income in groups of one column."""
    [(column, groups)] = of.items()
    return table["income"].eq(">50K").groupby(table[column]).mean()[groups]


if __name__ == "__main__":
    main()
