"""Free text: listings of London, whose titles a language model writes for the rows that a tabular model has made.

    python examples/airbnb_text.py [--quick] [--data FOLDER] [--workspace FOLDER]

Needs pip install 'synth-engine[language]'.
"""

import pandas as pd
from common import arguments, beside, judged, read

from synth_engine import TabularARGN, analyze, encode, generate, split, train

COLUMNS = ["title", "neighbourhood", "room_type", "property_type", "price"]


def main() -> None:
    """Make columns, write titles for them, and look whether they are new and fit."""
    args = arguments(__doc__, "airbnb")
    listings = read(args.data, "airbnb_london.csv.gz")[COLUMNS].sample(frac=1, random_state=0, ignore_index=True)
    n_rows = 1_500 if args.quick else 20_000
    listings, holdout = listings[:n_rows], listings[n_rows : 2 * n_rows]  # the latter are never shown to any model

    # Columns without text: a tabular model learns them better and much faster. This is the same as the five stages,
    # in a folder of its own that goes with the `with`.
    print("Learning columns; without --quick all of it takes minutes")
    with TabularARGN(max_epochs=4 if args.quick else None, random_state=0) as columns:
        columns.fit(listings.drop(columns="title"))
        rows = columns.sample(500 if args.quick else 2_000, rare_category_replacement_method="SAMPLE")

    # The whole table for the language model, which starts from nothing and writes tokens under a grammar: every record
    # is valid. `seed_data` are the rows that it writes for; what is given comes back as it is.
    print("Learning titles")
    split(listings, tgt_encoding_types={"title": "LANGUAGE_TEXT"}, workspace_dir=args.workspace, random_state=0)
    analyze(workspace_dir=args.workspace)  # words that only few listings have are not in its vocabulary
    encode(workspace_dir=args.workspace)
    epochs = 2 if args.quick else None  # the longer, the better it writes; five minutes are enough for an example
    train(workspace_dir=args.workspace, max_epochs=epochs, max_training_time=5.0, random_state=0)
    generate(workspace_dir=args.workspace, seed_data=rows, random_state=0)
    synthetic = pd.read_parquet(args.workspace / "SyntheticData")

    print("\nListings that are not there")
    print(synthetic.head(10).to_string(index=False))

    # Do titles fit their row? Words that tell something of the room, in titles of either kind.
    both = {"real": listings, "synthetic": synthetic}
    beside("Titles with the word 'room', by what is let", lambda table: with_word(table, "room"), **both)
    beside("Titles with the word 'studio', by what is let", lambda table: with_word(table, "studio"), **both)

    # Are they new? Some titles ("Double room") are bound to come again. How often, held-out listings tell.
    fresh = {"held out": holdout.head(len(synthetic)), "synthetic": synthetic}
    beside("Titles that are those of training rows", lambda table: repetition(table, listings), **fresh)

    judged(args.workspace)  # against the rows that nothing was learned of


def with_word(listings: pd.DataFrame, word: str) -> "pd.Series[float]":
    """Share of titles with a word, by type of room."""
    has_word = listings["title"].str.contains(rf"\b{word}\b", case=False)
    return has_word.groupby(listings["room_type"]).mean()[["Private room", "Entire home/apt"]]


def repetition(listings: pd.DataFrame, training: pd.DataFrame) -> "pd.Series[float]":
    """Share of titles that training rows have, and how often the one is there that is there most often."""
    known = listings["title"][listings["title"].isin(training["title"])]
    return pd.Series({"share": len(known) / len(listings), "most frequent": known.value_counts().max()})


if __name__ == "__main__":
    main()
