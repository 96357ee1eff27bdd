"""Baseball players and their seasons: the two related tables of the benchmarks, whole and in halves by player."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmarks.data import load_table, split_halves

FOLDER = Path("../shared/data")  # relative to the root of the repository
PLAYERS, SEASONS = "players.csv.gz", "batting.csv.gz"
KEYS = {"ctx_primary_key": "id", "tgt_context_key": "players_id"}


class Baseball(NamedTuple):
    """Players, and their seasons in order."""

    players: pd.DataFrame
    seasons: pd.DataFrame

    def of(self, players: pd.DataFrame) -> "Baseball":
        """Some of the players, and their seasons."""
        return Baseball(players, self.seasons[self.seasons["players_id"].isin(players["id"])].reset_index(drop=True))

    def write(self, folder: Path) -> None:
        """Write `context.parquet` and `train.parquet`, by the names of the engines' command line."""
        folder.mkdir(parents=True, exist_ok=True)
        self.players.to_parquet(folder / "context.parquet", index=False)
        self.seasons.to_parquet(folder / "train.parquet", index=False)


def read_baseball(folder: Path = FOLDER, max_players: int | None = None, seed: int = 0) -> Baseball:
    """Both tables, births and deaths as dates; of at most so many players, drawn at random."""
    players, seasons = load_table(folder / PLAYERS), load_table(folder / SEASONS)
    for name in ("birthDate", "deathDate"):
        players[name] = pd.to_datetime(players[name], errors="coerce")
    whole = Baseball(players, seasons)
    if max_players is None:
        return whole
    return whole.of(players.sample(min(max_players, len(players)), random_state=seed).reset_index(drop=True))


def halves(tables: Baseball, seed: int = 0) -> tuple[Baseball, Baseball]:
    """To train on and held out: disjoint players in equal number, each with all their seasons."""
    one, other = split_halves(tables.players, seed)
    return tables.of(one), tables.of(other)


def baseball_key(folder: Path, max_players: int | None, seed: int) -> str:
    """Short hash of the bytes of both files and of which players are taken."""
    digest = hashlib.sha256()
    for name in (PLAYERS, SEASONS):
        digest.update((folder / name).read_bytes())
    digest.update(f"{seed} {max_players}".encode())
    return digest.hexdigest()[:12]
