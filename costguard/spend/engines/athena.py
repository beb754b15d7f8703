"""Athena, through boto3: a bill in a table of the Glue catalog, as AWS's exports are set up to be read.

Who asks is what boto3 finds: the environment, a profile, a role. Results are read page by page from the API, so that
what is null and what is empty stay apart; Athena also leaves them as a file where its work group says.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costguard.billing import Columns, quoted
from costguard.errors import InputError, UsageError
from costguard.spend.dialects import kind, translated
from costguard.spend.engines import batches
from costguard.spend.engines.trino import described, qualified

if TYPE_CHECKING:
    import pyarrow as pa

OPTIONS = ("catalog", "database", "workgroup", "output", "region", "profile", "timeout")

ACTIONS = (
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
    "glue:GetDatabase",
    "glue:GetDatabases",
    "glue:GetPartitions",
    "glue:GetTable",
    "glue:GetTables",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
)
"""What it may do: Athena's own calls, and what Athena does in the caller's name (Athena's guide, "Actions, resources,
and condition keys" and "Access to databases and tables in the Glue catalog")."""

_FIRST, _LONGEST = 0.25, 5.0
_SECONDS = 3600.0


class Athena:
    """The engine. ``seconds`` is how long a query may take."""

    def __init__(self, client: Any, where: dict[str, Any], catalog: str, database: str | None, seconds: float) -> None:
        self._client = client
        self._where = where
        self._catalog = catalog
        self._database = database
        self._seconds = seconds

    def columns(self, table: str) -> Columns:
        """See :class:`costguard.spend.engines.Engine`."""
        catalog, schema, name = self._parts(table)
        found = list(self._rows(table, described(quoted(catalog), schema, name)))
        if not found:
            raise InputError(f"{table}: there is no such table in {catalog}, or this role may not see it")
        return Columns({str(column): kind(str(said), "athena") for column, said in found}, embedded=False)

    def relation(self, table: str) -> str:
        """See :class:`costguard.spend.engines.Engine`."""
        return ".".join(map(quoted, self._parts(table)))

    def groups(self, table: str, query: str) -> "Iterator[pa.RecordBatch]":
        """See :class:`costguard.spend.engines.Engine`."""

        def read(row: Sequence[str | None]) -> Sequence[Any]:
            *texts, cost, charges, unread = row
            return *texts, None if cost is None else Decimal(cost), int(charges or 0), int(unread or 0)

        yield from batches(map(read, self._rows(table, translated(query, "athena"))))

    def _parts(self, table: str) -> tuple[str, str, str]:
        return qualified(table, self._catalog, self._database)

    def _rows(self, table: str, query: str) -> Iterator[Sequence[str | None]]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            id_ = self._client.start_query_execution(QueryString=query, **self._where)["QueryExecutionId"]
            self._wait(table, id_)
            pages = self._client.get_paginator("get_query_results").paginate(QueryExecutionId=id_)
            yield from _cells(pages)
        except NoCredentialsError as error:
            raise InputError(
                f"Athena can't be asked about {table}: no credentials were found: log in (aws sso login), set "
                "AWS_PROFILE, or give --engine-option profile=NAME"
            ) from error
        except (BotoCoreError, ClientError) as error:
            raise InputError(f"Athena can't be asked about {table}: {error}") from error

    def _wait(self, table: str, id_: str) -> None:
        until, pause = time.monotonic() + self._seconds, _FIRST
        try:
            while True:
                said = self._client.get_query_execution(QueryExecutionId=id_)["QueryExecution"]["Status"]
                if said["State"] == "SUCCEEDED":
                    return
                if said["State"] in ("FAILED", "CANCELLED"):
                    why = said.get("StateChangeReason") or said["State"].lower()
                    raise InputError(f"Athena ended the query over {table}: {why}")
                if time.monotonic() > until:
                    raise InputError(f"Athena's query over {table} takes longer than {self._seconds:g} s: see timeout")
                time.sleep(pause)
                pause = min(pause * 1.5, _LONGEST)
        except BaseException:
            self._stop(id_)
            raise

    def _stop(self, id_: str) -> None:
        """Nobody waits for it any more, and it would cost."""
        from botocore.exceptions import BotoCoreError, ClientError

        with suppress(BotoCoreError, ClientError):
            self._client.stop_query_execution(QueryExecutionId=id_)


def connect(
    catalog: str = "AwsDataCatalog",
    database: str | None = None,
    workgroup: str | None = None,
    output: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    timeout: str = "",
) -> Athena:
    """The engine. Raises :class:`UsageError` where boto3 isn't installed, or an option has no meaning."""
    try:
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise UsageError(
            "--engine athena needs boto3, which isn't installed: pip install 'costguard-tags[aws]'"
        ) from error
    if timeout and not timeout.isdecimal():
        raise UsageError(f"--engine-option timeout={timeout}: it is a number of seconds")
    where: dict[str, Any] = {"QueryExecutionContext": {"Catalog": catalog}}
    if database is not None:
        where["QueryExecutionContext"]["Database"] = database
    if workgroup is not None:
        where["WorkGroup"] = workgroup
    if output is not None:
        where["ResultConfiguration"] = {"OutputLocation": output}
    try:
        client = botocore.session.Session(profile=profile).create_client(
            "athena", region_name=region, config=Config(retries={"mode": "standard", "max_attempts": 8})
        )
    except BotoCoreError as error:
        raise UsageError(f"--engine athena: {error}") from error
    return Athena(client, where, catalog, database, float(timeout or _SECONDS))


def _cells(pages: Any) -> Iterator[Sequence[str | None]]:
    """The rows of a result. The first one of all is the names of its columns; a cell without a text is null."""
    first = True
    for page in pages:
        rows = page["ResultSet"]["Rows"]
        for row in rows[1:] if first else rows:
            yield [cell.get("VarCharValue") for cell in row.get("Data", ())]
        first = False
