"""Trino, through its own client: a bill in a table of any catalog.

Who asks is said by the environment, never by an argument: ``COSTGUARD_TRINO_PASSWORD`` or ``COSTGUARD_TRINO_TOKEN`` (a
JSON web token), and only over TLS.
"""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from costguard.billing import Columns, literal, quoted
from costguard.errors import InputError, UsageError
from costguard.spend.dialects import kind, translated
from costguard.spend.engines import batches

if TYPE_CHECKING:
    import pyarrow as pa

OPTIONS = ("host", "port", "user", "catalog", "schema", "scheme")

_PASSWORD, _TOKEN = "COSTGUARD_TRINO_PASSWORD", "COSTGUARD_TRINO_TOKEN"
_SECONDS = 60.0


class Trino:
    """The engine."""

    def __init__(self, connection: Any, catalog: str | None, schema: str | None) -> None:
        self._connection = connection
        self._catalog = catalog
        self._schema = schema

    def columns(self, table: str) -> Columns:
        """See :class:`costguard.spend.engines.Engine`."""
        catalog, schema, name = self._parts(table)
        found = self._rows(table, described(quoted(catalog), schema, name))
        if not found:
            raise InputError(f"{table}: there is no such table, or this user may not see it")
        return Columns({column: kind(said, "trino") for column, said in found}, embedded=False)

    def relation(self, table: str) -> str:
        """See :class:`costguard.spend.engines.Engine`."""
        return ".".join(map(quoted, self._parts(table)))

    def groups(self, table: str, query: str) -> "Iterator[pa.RecordBatch]":
        """See :class:`costguard.spend.engines.Engine`."""
        yield from batches(self._rows(table, translated(query, "trino")))

    def _rows(self, table: str, query: str) -> Sequence[Sequence[Any]]:
        import requests
        from trino.exceptions import Error as TrinoError
        from trino.exceptions import TrinoAuthError, TrinoQueryError

        cursor = self._connection.cursor()
        try:
            cursor.execute(query)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
        except TrinoAuthError as error:
            raise UsageError(f"Trino doesn't know who asks: set {_PASSWORD} or {_TOKEN} ({_first(error)})") from error
        except TrinoQueryError as error:
            raise InputError(f"Trino refused the query over {table}: {error.error_name}: {error.message}") from error
        except (TrinoError, requests.RequestException) as error:
            raise InputError(f"Trino can't be asked about {table}: {_first(error)}") from error
        finally:
            cursor.close()
        return rows

    def _parts(self, table: str) -> tuple[str, str, str]:
        return qualified(table, self._catalog, self._schema)


def connect(
    host: str = "",
    port: str = "",
    user: str = "",
    catalog: str | None = None,
    schema: str | None = None,
    scheme: str = "https",
) -> Trino:
    """The engine. Raises :class:`UsageError` where the client isn't installed, or an option has no meaning."""
    try:
        from trino.auth import BasicAuthentication, JWTAuthentication
        from trino.dbapi import connect as opened
    except ImportError as error:
        raise UsageError(
            "--engine trino needs trino, which isn't installed: pip install 'costguard-tags[trino]'"
        ) from error
    if not host:
        raise UsageError("--engine trino: say where it is, with --engine-option host=NAME")
    if scheme not in ("http", "https"):
        raise UsageError(f"--engine-option scheme={scheme}: it is http or https")
    if port and not port.isdecimal():
        raise UsageError(f"--engine-option port={port}: it is a number")
    password, token = os.environ.get(_PASSWORD), os.environ.get(_TOKEN)
    if (password or token) and scheme != "https":
        raise UsageError(f"{_PASSWORD if password else _TOKEN} isn't sent over http: leave scheme=http out")
    who = user or os.environ.get("USER", "") or "costguard"
    auth = JWTAuthentication(token) if token else BasicAuthentication(who, password) if password else None
    connection = opened(  # type: ignore[no-untyped-call] # It has none.
        host=host,
        port=int(port) if port else (443 if scheme == "https" else 80),
        user=who,
        catalog=catalog,
        schema=schema,
        http_scheme=scheme,
        auth=auth,
        source="costguard",
        timezone="UTC",
        request_timeout=_SECONDS,
    )
    return Trino(connection, catalog, schema)


def qualified(table: str, catalog: str | None, schema: str | None) -> tuple[str, str, str]:
    """A table's catalog, schema and name, where it names them or the options do. Raises :class:`UsageError`."""
    parts = table.split(".")
    found = [*[catalog, schema][: max(0, 3 - len(parts))], *parts]
    if len(found) != 3 or not all(found):
        raise UsageError(f"{table}: name the table as catalog.schema.table, or give the options catalog and schema")
    first, second, third = (part or "" for part in found)
    return first, second, third


def described(catalog: str, schema: str, name: str) -> str:
    """The query for a table's columns with their types, in the words of all that come from Presto. Names there are in
    lower case."""
    return (
        f"SELECT column_name, data_type FROM {catalog}.information_schema.columns "
        f"WHERE table_schema = {literal(schema.lower())} AND table_name = {literal(name.lower())} "
        "ORDER BY ordinal_position"
    )


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
