"""Two tables: baseball players and their seasons, both made anew so that they fit each other.

python examples/baseball_sequences.py [--quick] [--data FOLDER] [--workspace FOLDER]
"""

import pandas as pd
from common import arguments, beside, judged, read

from synth_engine import analyze, encode, generate, split, train

SHOWN = ["year", "team", "G", "AB", "H", "HR"]


def main() -> None:
    """Make players, then seasons for them, and look at both."""
    args = arguments(__doc__, "baseball")
    players, seasons = read(args.data, "players.csv.gz"), read(args.data, "batting.csv.gz")
    players = players.sample(800 if args.quick else 6_000, random_state=0)
    seasons = seasons[seasons["players_id"].isin(players["id"])]
    players = players.astype({"birthDate": "datetime64[ns]", "deathDate": "datetime64[ns]"})  # CSV has only texts
    epochs = 3 if args.quick else None  # None: until held-out players are predicted no better
    # First the subjects, a table like any other. Their names matter little here, and spelling them takes time.
    players = players.drop(columns=["nameFirst", "nameLast"])
    print("Learning players; without --quick all of it takes minutes")
    subjects = args.workspace / "players"
    split(players, tgt_primary_key="id", workspace_dir=subjects, random_state=0)
    analyze(workspace_dir=subjects)
    encode(workspace_dir=subjects)
    train(workspace_dir=subjects, max_epochs=epochs, random_state=0)
    generate(workspace_dir=subjects, random_state=0)
    new_players = pd.read_parquet(subjects / "SyntheticData")

    # Then their events: `tgt_context_key` says whose season a row is. How many seasons a player has is learned, too.
    print("Learning seasons")
    events = args.workspace / "seasons"
    keys = {"tgt_context_key": "players_id", "ctx_primary_key": "id"}
    split(seasons, ctx_data=players, **keys, workspace_dir=events, random_state=0)
    analyze(workspace_dir=events)
    encode(workspace_dir=events)
    train(workspace_dir=events, max_epochs=epochs, random_state=0)
    # For players who do not exist. Teams that few players had would be `_RARE_`; SAMPLE draws others in their place.
    generate(workspace_dir=events, ctx_data=new_players, rare_category_replacement_method="SAMPLE", random_state=0)
    new_seasons = pd.read_parquet(events / "SyntheticData")

    # One synthetic player, with the career of somebody who stayed for some years.
    length = new_seasons.groupby("players_id").size()
    somebody = length[length.between(6, 9)].index[0] if length.between(6, 9).any() else length.idxmax()
    print("\nSomebody who never was\n", new_players.set_index("id").loc[somebody].to_dict())
    print(new_seasons.loc[new_seasons["players_id"] == somebody, SHOWN].to_string(index=False))

    both = {"real": seasons, "synthetic": new_seasons}
    beside("Seasons of a player", lambda table: table.groupby("players_id").size().describe()[1:], **both)
    beside("What holds within a season, and from one to the next", coherence, **both)
    beside("Mean games by season of a career", by_season, **both)

    judged(events)  # against the rows that nothing was learned of


def coherence(seasons: pd.DataFrame) -> "pd.Series[float]":
    """What nobody has told the model: that years rise, that teams are kept, that hits need attempts."""
    former = seasons.groupby("players_id").shift()
    later = former["year"].notna()
    kept = {
        "years never fall": (seasons["year"] >= former["year"])[later].mean(),
        "the same team as before": (seasons["team"] == former["team"])[later].mean(),
        "no more hits than attempts": (seasons["H"] <= seasons["AB"]).mean(),
        "correlation of games with those before": seasons["G"].corr(former["G"]),
    }
    return pd.Series(kept)


def by_season(seasons: pd.DataFrame) -> "pd.Series[float]":
    """Games in the first, second, … season."""
    number = seasons.groupby("players_id").cumcount() + 1
    return seasons.groupby(number)["G"].mean()[:6].rename_axis("season")


if __name__ == "__main__":
    main()
