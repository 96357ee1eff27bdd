"""A PostgreSQL of our own: the real server from its Debian package, as a temporary cluster on a free port."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
_WORKER = "postgres"


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    host: str
    port: int
    user: str
    password: str
    database: str

    @property
    def environment(self) -> dict[str, str]:
        """As the deployments' `dagster.yaml` asks for it."""
        return {
            "SYNTH_POSTGRES_HOST": self.host,
            "SYNTH_POSTGRES_PORT": str(self.port),
            "SYNTH_POSTGRES_USER": self.user,
            "SYNTH_POSTGRES_PASSWORD": self.password,
            "SYNTH_POSTGRES_DB": self.database,
        }

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the database itself says."""
        import psycopg2

        connection = psycopg2.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=self.database
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            found = cursor.fetchall()
        connection.close()
        return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server with an empty database; PostgreSQL refuses to run as root, so root runs it as the package's user."""
    if not (found := _PLACES[-1] if _PLACES else _beside("initdb")):
        pytest.skip("needs PostgreSQL (Debian: apt-get install postgresql)")
    # pytest's own folders are closed to everybody else, and closed anew whenever another pytest starts
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    (folder / "password").write_text("secret")
    _hand_over(folder)
    data = folder / "data"
    secret = f"--pwfile={folder / 'password'}"
    _run(found, "initdb", "-D", str(data), "-U", "synth", "-A", "scram-sha-256", secret, "-E", "UTF8", "--no-sync")
    port = _free_port()
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -p {port} -c fsync=off"
    _run(found, "pg_ctl", "-D", str(data), "-l", str(data / "log"), "-w", "-t", "60", "-o", options, "start")
    yield Postgres("127.0.0.1", port, "synth", "secret", "postgres")
    _run(found, "pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    shutil.rmtree(folder)


def _beside(program: str) -> Path | None:
    found = shutil.which(program)
    return Path(found).resolve().parent if found else None


def _run(place: Path, program: str, *arguments: str) -> None:
    done = subprocess.run(
        [*_as_worker(), str(place / program), *arguments],
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _as_worker() -> Sequence[str]:
    return ["runuser", "-u", _WORKER, "--"] if os.geteuid() == 0 else []


def _hand_over(folder: Path) -> None:
    """Make it the other user's."""
    if os.geteuid() != 0:
        return
    try:
        worker = pwd.getpwnam(_WORKER)
    except KeyError:
        pytest.skip(f"needs a user {_WORKER!r} to run PostgreSQL as, for root must not")
    for path in (folder, folder / "password"):
        os.chown(path, worker.pw_uid, worker.pw_gid)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
