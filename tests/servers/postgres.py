"""A real PostgreSQL of the tests' own: made in a folder, reached on loopback, gone when they end.

PostgreSQL refuses to run as root, so there it runs as whichever user the system has for that.
"""

import os
import pwd
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

USER = "costguard"
PASSWORD = "not-a-secret"
_WAIT = 60
"""Seconds that a start may take on a busy machine."""


def programs() -> Path | None:
    """Where initdb and postgres are; None where they aren't installed. Distributions keep them out of PATH."""
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


class Postgres:
    """One server; :meth:`database` makes a new, empty database each time. Connections need the password, as a real
    server's do. :meth:`kill` is a machine that died, and :meth:`start` what starts it again."""

    def __init__(self, folder: Path) -> None:
        self._bin = programs()
        self._folder = folder
        self._as = _user()
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self.port = 0

    def __enter__(self) -> Self:
        assert self._bin is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if "user" in self._as:
            # The folders above are pytest's, and closed to others.
            for folder in (self._folder, *self._folder.parents):
                if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
                    folder.chmod(folder.stat().st_mode | 0o011)
            shutil.chown(self._folder, self._as["user"])
            shutil.chown(secret, self._as["user"])
        data = self._folder / "data"
        arguments = [
            "-D",
            str(data),
            "-U",
            USER,
            "--pwfile",
            str(secret),
            "--auth=scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        done = subprocess.run(
            [self._bin / "initdb", "--no-sync", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            **self._as,
        )
        assert done.returncode == 0, done.stderr
        self.port = _free_port()
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Starts it and waits until it answers."""
        import psycopg

        assert self._bin is not None
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "shared_buffers": "16MB",
            "max_connections": "50",
            # The server's default is the unsafe one, so that a client that relies on it is found out.
            "synchronous_commit": "off",
        }
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        log = self._folder / "log"
        until = time.monotonic() + _WAIT
        while True:
            # After a crash it refuses to start for as long as a child of the last one is there.
            if self._process is None or self._process.poll() is not None:
                with log.open("ab") as file:
                    self._process = subprocess.Popen(
                        [self._bin / "postgres", "-D", self._folder / "data", *options],
                        stdout=file,
                        stderr=file,
                        cwd=self._folder,
                        **self._as,
                    )
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                assert time.monotonic() < until, f"PostgreSQL didn't start: {log.read_text()[-2000:]}"
                time.sleep(0.05)

    def kill(self) -> None:
        """Ends it at once, as a crash does: what isn't on the disk is gone."""
        if self._process is not None:
            # SIGQUIT is PostgreSQL's immediate shutdown; after SIGKILL its children would live on for a moment.
            self._process.send_signal(3)
            self._process.wait(30)
            self._process = None

    def database(self) -> str:
        """The address of a new database."""
        self._made += 1
        self.execute(f"CREATE DATABASE case_{self._made}")
        return self.url(f"case_{self._made}")

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs a statement by itself, and returns its rows."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


def _user() -> Mapping[str, Any]:
    """Arguments of a process that must not be root's."""
    if os.geteuid() != 0:
        return {}
    names = {one.pw_name for one in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


def _free_port() -> int:
    """One that no connection gets for its own end: the server comes back to it after a crash."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
