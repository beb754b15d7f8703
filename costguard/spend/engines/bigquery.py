"""BigQuery, through Google's own client: a bill in a table, as Google's export writes it, or FOCUS in one.

Who asks is what Google's libraries find (application default credentials). ``BIGQUERY_EMULATOR_HOST``, which they know,
names an emulator that is spoken to instead, without credentials.
"""

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from costguard.billing import Columns, quoted
from costguard.errors import InputError, UsageError
from costguard.spend.dialects import translated
from costguard.spend.engines import batches

if TYPE_CHECKING:
    import pyarrow as pa

OPTIONS = ("project", "location", "most_bytes")

PERMISSIONS = ("bigquery.jobs.create", "bigquery.tables.get", "bigquery.tables.getData")
"""What it may do: the first in the project that pays for the query, the others on the table's dataset."""

EMULATOR = "BIGQUERY_EMULATOR_HOST"

_TABLE = re.compile(r"(?:(?P<project>[a-z0-9.:-]+)\.)?(?P<dataset>[A-Za-z0-9_]+)\.(?P<name>[\w -]+)")
_PAGE = 20_000
_TYPES = {
    "STRING": "VARCHAR",
    "INTEGER": "BIGINT",
    "INT64": "BIGINT",
    "FLOAT": "DOUBLE",
    "FLOAT64": "DOUBLE",
    "BOOL": "BOOLEAN",
    "NUMERIC": "DECIMAL(38,9)",
    "BIGNUMERIC": "DECIMAL(38,18)",
    "TIMESTAMP": "TIMESTAMPTZ",
    "DATETIME": "TIMESTAMP",
}


class BigQuery:
    """The engine. ``most_bytes`` is how many a query may be billed for; None for as many as it takes."""

    def __init__(self, client: Any, most_bytes: int | None) -> None:
        self._client = client
        self._most_bytes = most_bytes

    def columns(self, table: str) -> Columns:
        """See :class:`costguard.spend.engines.Engine`."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        try:
            schema = self._client.get_table(".".join(self._parts(table))).schema
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            raise InputError(f"{table} can't be read by BigQuery: {_first(error)}") from error
        return Columns({field.name: _kind(field) for field in schema}, embedded=False)

    def relation(self, table: str) -> str:
        """See :class:`costguard.spend.engines.Engine`."""
        return ".".join(map(quoted, self._parts(table)))

    def groups(self, table: str, query: str) -> "Iterator[pa.RecordBatch]":
        """See :class:`costguard.spend.engines.Engine`."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.bigquery import QueryJobConfig

        config = QueryJobConfig(maximum_bytes_billed=self._most_bytes)
        try:
            rows = self._client.query(translated(query, "bigquery"), job_config=config).result(page_size=_PAGE)
            yield from batches(row.values() for row in rows)
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            raise InputError(f"BigQuery refused the query over {table}: {_first(error)}") from error

    def _parts(self, table: str) -> Sequence[str]:
        found = _TABLE.fullmatch(table)
        if found is None:
            raise UsageError(f"{table}: name the table as project.dataset.table, or dataset.table")
        return found["project"] or self._client.project, found["dataset"], found["name"]


def connect(project: str | None = None, location: str | None = None, most_bytes: str = "") -> BigQuery:
    """The engine. Raises :class:`UsageError` where the client isn't installed, nobody is known to ask, or an option has
    no meaning."""
    try:
        with warnings.catch_warnings():
            # They warn that they will stop supporting a version of Python which Python itself still supports.
            warnings.simplefilter("ignore", FutureWarning)
            from google.auth.credentials import AnonymousCredentials
            from google.auth.exceptions import GoogleAuthError
            from google.cloud import bigquery
    except ImportError as error:
        raise UsageError(
            "--engine bigquery needs google-cloud-bigquery, which isn't installed: "
            "pip install 'costguard-tags[bigquery]'"
        ) from error
    if most_bytes and not most_bytes.isdecimal():
        raise UsageError(f"--engine-option most_bytes={most_bytes}: it is a number")
    credentials = AnonymousCredentials() if os.environ.get(EMULATOR) else None  # type: ignore[no-untyped-call]
    try:
        client = bigquery.Client(project=project, location=location, credentials=credentials)
    except (GoogleAuthError, OSError) as error:
        raise UsageError(f"--engine bigquery: {_first(error)}") from error
    return BigQuery(client, int(most_bytes) if most_bytes else None)


def _kind(field: Any) -> str:
    """A column's type in DuckDB's words."""
    if field.field_type in ("RECORD", "STRUCT"):
        inner = ", ".join(f"{quoted(one.name)} {_kind(one)}" for one in field.fields)
        kind = f"STRUCT({inner})"
    else:
        kind = _TYPES.get(field.field_type, field.field_type)
    return f"{kind}[]" if field.mode == "REPEATED" else kind


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
