"""Servers of bills in tables: the protocols of Trino and of BigQuery over a DuckDB, on loopback.

What arrives is a query in the dialect; SQLGlot reads it in that dialect and DuckDB runs it. So a word that the dialect
doesn't have, and SQLGlot doesn't know of, passes here and not there.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import sqlglot

Answer = tuple[Sequence[str], Sequence[Sequence[Any]]]


class Tables:
    """Tables in DuckDB as the engine of a dialect has them. ``columns`` are the types of each by the engine's own
    names for them; ``said`` are the queries that came."""

    def __init__(self, dialect: str, columns: Mapping[str, str]) -> None:
        self.dialect = dialect
        self.columns = columns
        self.said: list[str] = []
        self.refuses = ""
        self._db = duckdb.connect()
        self._db.execute("SET TimeZone = 'UTC'")
        # Trino's, which SQLGlot leaves as it is.
        self._db.execute("CREATE MACRO at_timezone(moment, zone) AS timezone(zone, moment)")

    def hold(self, catalog: str, schema: str, name: str, query: str) -> None:
        """Has a table with what a query of DuckDB's gives."""
        self._db.execute(f"ATTACH ':memory:' AS \"{catalog}\"")
        self._db.execute(f'CREATE SCHEMA "{catalog}"."{schema}"')
        self._db.execute(f'CREATE TABLE "{catalog}"."{schema}"."{name}" AS {query}')

    def answer(self, query: str) -> Answer:
        """The names of a result's columns, and its rows as Python has them."""
        self.said.append(query)
        if "information_schema.columns" in query:
            return ("column_name", "data_type"), list(self.columns.items())
        (ours,) = sqlglot.transpile(query, read=self.dialect, write="duckdb")
        # SQLGlot's choice for a number with 38 decimals would keep five.
        found = self._db.execute(ours.replace("DECIMAL(38, 5)", "DECIMAL(38, 18)"))
        return [one[0] for one in found.description], found.fetchall()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tables: Tables
    answers: dict[str, Answer]

    def log_message(self, *_: object) -> None:
        pass

    def send(self, document: object, status: int = 200) -> None:
        raw = json.dumps(document, default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


class _Trino(_Handler):
    """POST /v1/statement begins, each nextUri goes on (Trino, "Client REST API"): two rows, two rows, and the rest."""

    def do_POST(self) -> None:
        query = self.body().decode()
        at = f"http://{self.headers['Host']}"
        if self.tables.refuses:
            error = {
                "message": self.tables.refuses,
                "errorName": "PERMISSION_DENIED",
                "errorCode": 4,
                "errorType": "USER_ERROR",
                "failureInfo": {},
            }
            self.send({"id": "q", "infoUri": at, "stats": {"state": "FAILED"}, "error": error})
            return
        id_ = f"q{len(self.answers)}"
        self.answers[id_] = self.tables.answer(query)
        self.send({"id": id_, "infoUri": at, "nextUri": f"{at}/v1/statement/{id_}/0", "stats": {"state": "QUEUED"}})

    def do_GET(self) -> None:
        *_, id_, at = self.path.split("/")
        names, rows = self.answers[id_]
        first = int(at)
        last = first + 2 if first < 4 else len(rows)
        kinds = [_signature(rows, column) for column in range(len(names))]
        document: dict[str, Any] = {
            "id": id_,
            "infoUri": f"http://{self.headers['Host']}",
            "stats": {"state": "RUNNING" if last < len(rows) else "FINISHED"},
            "columns": [
                {"name": name, "type": kind, "typeSignature": {"rawType": kind.split("(")[0], "arguments": []}}
                for name, kind in zip(names, kinds, strict=True)
            ],
            "data": rows[first:last],
        }
        if last < len(rows):
            document["nextUri"] = f"http://{self.headers['Host']}/v1/statement/{id_}/{last}"
        self.send(document)

    def do_DELETE(self) -> None:
        self.send({})


def _signature(rows: Sequence[Sequence[Any]], column: int) -> str:
    from decimal import Decimal

    value = next((row[column] for row in rows if row[column] is not None), "")
    return "decimal(38,18)" if isinstance(value, Decimal) else "bigint" if isinstance(value, int) else "varchar"


class _BigQuery(_Handler):
    """``tables.get``, ``jobs.insert`` and ``jobs.getQueryResults`` (BigQuery, "REST API"), in pages."""

    def do_POST(self) -> None:
        asked = json.loads(self.body())
        if self.tables.refuses:
            self.send({"error": {"code": 403, "message": self.tables.refuses, "errors": []}}, 403)
            return
        id_ = asked["jobReference"]["jobId"]
        self.answers[id_] = self.tables.answer(asked["configuration"]["query"]["query"])
        self.send({**asked, "id": id_, "status": {"state": "DONE"}, "statistics": {"query": {}}})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        *_, kind, id_ = url.path.split("/")
        if kind == "tables":
            if self.tables.refuses:
                self.send({"error": {"code": 404, "message": self.tables.refuses}}, 404)
            else:
                self.send(
                    {
                        "tableReference": {"projectId": "acme-billing", "datasetId": "billing", "tableId": id_},
                        "schema": {"fields": [json.loads(one) for one in self.tables.columns.values()]},
                    }
                )
            return
        if kind == "jobs":
            self.send(
                {
                    "jobReference": {"projectId": "acme-billing", "jobId": id_},
                    "status": {"state": "DONE"},
                    "configuration": {"query": {}},
                    "statistics": {"query": {}},
                }
            )
            return
        names, rows = self.answers[id_]
        asked = parse_qs(url.query)
        first = int(asked.get("pageToken", ["0"])[0])
        most = int(asked.get("maxResults", ["100"])[0])
        last = len(rows) if most == 0 else min(first + min(most, 1000), len(rows))
        kinds = [_bigquery_kind(_signature(rows, column)) for column in range(len(names))]
        document: dict[str, Any] = {
            "jobComplete": True,
            "jobReference": {"projectId": "acme-billing", "jobId": id_},
            "schema": {"fields": [{"name": n, "type": k} for n, k in zip(names, kinds, strict=True)]},
            "totalRows": str(len(rows)),
        }
        if most:
            document["rows"] = [
                {"f": [{"v": None if cell is None else str(cell)} for cell in row]} for row in rows[first:last]
            ]
            if last < len(rows):
                document["pageToken"] = str(last)
        self.send(document)


def _bigquery_kind(kind: str) -> str:
    return {"decimal(38,18)": "BIGNUMERIC", "bigint": "INTEGER"}.get(kind, "STRING")


@contextmanager
def serving(tables: Tables) -> Iterator[int]:
    """The port of the server of these tables."""
    protocol = _BigQuery if tables.dialect == "bigquery" else _Trino
    handler = type("Handler", (protocol,), {"tables": tables, "answers": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
