"""The groups of a bill beside their verdicts, in an embedded database, and every sum that a report needs of them.

All that is reported comes from the same two tables, so that it adds up: ``groups`` as the grouping query gave them, and
``rulings``, one for each case that was judged. Amounts are exact: DECIMAL(38) until they are Decimal here.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from costguard.billing import DECIMALS, amount, literal, quoted
from costguard.errors import UsageError
from costguard.spend.query import DIMENSIONS
from costguard.spend.verdicts import LONGEST_TAGS, Case, Judge, Ruling

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH = 50_000


class Ledger:
    """A bill's groups. ``scratch`` is a folder for what doesn't fit into ``memory``."""

    def __init__(self, scratch: Path, *, memory: str = "500MB", threads: int | None = None) -> None:
        try:
            import duckdb
            import pyarrow as pa  # noqa: F401 - it is needed later on, and said now.
        except ImportError as error:
            raise UsageError(
                f"reading bills needs {error.name}, which isn't installed: pip install 'costguard-tags[spend]'"
            ) from error

        self._db: duckdb.DuckDBPyConnection = duckdb.connect()
        self._db.execute("SET TimeZone = 'UTC'")
        self._db.execute(f"SET memory_limit = {literal(memory)}")
        self._db.execute(f"SET temp_directory = {literal(str(scratch))}")
        self._db.execute("SET preserve_insertion_order = false")
        if threads is not None:
            self._db.execute(f"SET threads = {threads}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @property
    def db(self) -> "duckdb.DuckDBPyConnection":
        """The database: for engines that run their query in it."""
        return self._db

    # ------------------------------------------------------------- taking groups in

    def open(self, *, decimals: int = DECIMALS) -> None:
        """Makes room for groups, whose amounts have so many decimals."""
        texts = ", ".join(f"{name} VARCHAR" for name in DIMENSIONS)
        self._db.execute(
            f"CREATE TABLE groups (export INTEGER, {texts}, cost {amount(decimals)}, charges BIGINT, unread BIGINT)"
        )

    def take(self, export: int, query: str) -> None:
        """Takes in the groups that a query in this database gives."""
        self._db.execute(f"INSERT INTO groups SELECT {export}, * FROM ({query})")

    def take_batches(self, export: int, batches: "Iterable[pa.RecordBatch]") -> None:
        """Takes in the groups that another engine gives, in any order of their columns."""
        import pyarrow as pa

        for batch in batches:
            self._db.register("arrived", pa.Table.from_batches([batch]))
            self._db.execute(f"INSERT INTO groups BY NAME SELECT {export} AS export, * FROM arrived")
            self._db.unregister("arrived")

    # ------------------------------------------------------------- judging

    def judge(self, judges: Mapping[int, Judge], tags: Sequence[str], needs: Iterable[str]) -> None:
        """Judges what was taken in: each distinct tag set of an export once, and with what else the policy ``needs``.
        ``tags`` are the policy's.

        ``cases`` has what was judged with the ``id`` of its ruling, ``rulings`` each ruling once. ``groups`` keep the
        ruling in place of their tags, whose text costs more than all the rest; ``judged`` is both.
        """
        wanted = [name for name in ("account", "region", "resource") if name in set(needs)]
        keys = ["export", "tags", "provider", *wanted]
        listed = ", ".join(keys)
        self._tags = tuple(tags)
        self._db.execute(
            "CREATE TABLE found AS SELECT ROW_NUMBER() OVER () AS number, * "
            f"FROM (SELECT DISTINCT {listed} FROM groups)"
        )
        self._db.execute("CREATE TABLE ruled (number BIGINT, id INTEGER)")
        rulings: list[Ruling] = []
        ids: dict[int, int] = {}
        # What is too long to be read needn't come whole.
        shown = listed.replace("tags", f"IF(STRLEN(tags) <= {LONGEST_TAGS}, tags, LEFT(tags, {LONGEST_TAGS + 1}))", 1)
        cursor = self._db.cursor().execute(f"SELECT number, {shown} FROM found")
        while rows := cursor.fetchmany(_BATCH):
            said = []
            for _, export, text, provider, *others in rows:
                ruling = judges[export].one(Case(text, provider, **dict(zip(wanted, others, strict=True))))
                id_ = ids.get(id(ruling))
                if id_ is None:
                    id_ = ids[id(ruling)] = len(rulings)
                    rulings.append(ruling)
                said.append(id_)
            self._insert("ruled", {"number": [row[0] for row in rows], "id": said})
        self._keep(rulings)
        self._db.execute(f"CREATE TABLE cases AS SELECT id, {listed} FROM found JOIN ruled USING (number)")
        self._db.execute("DROP TABLE found; DROP TABLE ruled")
        same = " AND ".join(f"groups.{name} IS NOT DISTINCT FROM cases.{name}" for name in keys)
        self._db.execute(f"CREATE TABLE lines AS SELECT groups.* EXCLUDE (tags), id FROM groups JOIN cases ON {same}")
        self._db.execute("DROP TABLE groups; ALTER TABLE lines RENAME TO groups")
        self._db.execute(
            "CREATE VIEW judged AS SELECT groups.* EXCLUDE (id), rulings.* EXCLUDE (id) FROM groups "
            "JOIN rulings USING (id)"
        )

    def _keep(self, rulings: Sequence[Ruling]) -> None:
        columns = "".join(f", fault{n} VARCHAR, value{n} VARCHAR" for n in range(len(self._tags)))
        self._db.execute(
            f"CREATE TABLE rulings (id INTEGER, state VARCHAR, untagged BOOLEAN, exempt BOOLEAN, flaw VARCHAR{columns})"
        )
        for first in range(0, len(rulings), _BATCH):
            batch = rulings[first : first + _BATCH]
            table: dict[str, list[Any]] = {
                "id": list(range(first, first + len(batch))),
                "state": [one.state for one in batch],
                "untagged": [one.untagged for one in batch],
                "exempt": [one.exempt for one in batch],
                "flaw": [one.flaw or None for one in batch],
            }
            for number, name in enumerate(self._tags):
                table[f"fault{number}"] = [one.states.get(name) for one in batch]
                table[f"value{number}"] = [one.values.get(name) for one in batch]
            self._insert("rulings", table)

    def _insert(self, table: str, columns: Mapping[str, list[Any]]) -> None:
        import pyarrow as pa

        self._db.register("arrived", pa.table(dict(columns)))
        self._db.execute(f"INSERT INTO {table} SELECT * FROM arrived")
        self._db.unregister("arrived")

    # ------------------------------------------------------------- sums

    @property
    def tags(self) -> tuple[str, ...]:
        """The policy's tags: of the n-th, ``bill`` has ``fault<n>`` and ``value<n>``."""
        return self._tags

    def currencies(self) -> list[tuple[str | None, int, Decimal]]:
        """The currencies with how many charges and how much is in each, the one with the most charges first."""
        return [
            (name, int(charges), cost or Decimal())
            for name, charges, cost in self.rows(
                "SELECT currency, SUM(charges), SUM(cost) FROM groups GROUP BY 1 ORDER BY 2 DESC, 1"
            )
        ]

    def choose(self, currency: str | None) -> None:
        """Makes ``bill`` the charges in this currency: amounts in several are never added up. What the bill has a class
        for that nobody knows can't be shown to be taggable."""
        known = "currency IS NULL" if currency is None else f"currency = {literal(currency)}"
        self._db.execute(
            "CREATE OR REPLACE VIEW bill AS SELECT * REPLACE (COALESCE(class, 'usage_no_resource') AS class), "
            f"class IS NULL AS unclassed FROM judged WHERE {known}"
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query over ``judged``; amounts are :class:`~decimal.Decimal`."""
        return self._db.execute(query).fetchall()

    def write(self, path: Path) -> None:
        """Writes ``bill`` as Parquet: the groups, what the policy makes of each, and of each of its tags the fault and
        the value. Raises :class:`UsageError` where it can't be written."""
        import duckdb

        tags = ", ".join(
            f"fault{number} AS {quoted(f'{name}_fault')}, value{number} AS {quoted(f'{name}_value')}"
            for number, name in enumerate(self._tags)
        )
        columns = "provider, account, region, service, currency, month, class, resource, cost, charges"
        columns += ", CASE WHEN class = 'usage_taggable' THEN state END AS state"
        columns += ", CASE WHEN class = 'usage_taggable' THEN untagged END AS untagged"
        query = f"SELECT {columns}{tags and ', '}{tags} FROM bill"
        try:
            self._db.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet)")
        except (duckdb.Error, OSError) as error:
            said = (str(error).splitlines() or [""])[0]
            raise UsageError(f"{path} can't be written: {said}") from error
