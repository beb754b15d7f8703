#!/usr/bin/env python3
"""Makes a FOCUS bill of an organisation as Parquet, with nothing but DuckDB: the same bytes for the same numbers.

    bench/spend/generate.py FOLDER [--rows 20000000] [--resources 200000] [--money double|decimal]

What the time of a report hangs on is as measured on real exports: of 200,000 resources four fifths have tags, in some
168,000 distinct tag sets of 88 bytes on average, which differ in some 18,000 ways in what a policy looks at; the rows
of a resource lie anywhere in the month and in the twenty files.
"""

import argparse
import sys
import time
from pathlib import Path

import duckdb

FILES = 20
MONEY = {"double": "DOUBLE", "decimal": "DECIMAL(20,10)"}


def main() -> int:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--resources", type=int, default=200_000)
    parser.add_argument("--money", choices=sorted(MONEY), default="double", help="the type of the costs")
    wanted = parser.parse_args()
    began = time.perf_counter()
    generate(wanted.folder, wanted.rows, wanted.resources, wanted.money)
    print(f"{wanted.folder}: {wanted.rows:,} rows in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


def generate(folder: Path, rows: int, resources: int = 200_000, money: str = "double") -> None:
    """Writes the bill. Files that are there stay; one that was being written when a run ended is written again."""
    folder.mkdir(parents=True, exist_ok=True)
    db = duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})
    # A number that looks random and is not: the n-th draw of the i-th thing.
    db.execute("CREATE MACRO draw(i, n, below) AS CAST(hash(i + n * 10000000019) % below AS BIGINT)")
    db.execute(f"CREATE TABLE resources AS {RESOURCES.format(count=resources)}")
    for number in range(FILES):
        path = folder / f"part-{number:02}.parquet"
        if path.exists():
            continue
        first, end = number * rows // FILES, (number + 1) * rows // FILES
        charges = CHARGES.format(first=first, end=end, resources=resources, money=MONEY[money])
        db.execute(f"COPY ({charges}) TO '{path}.part' (FORMAT parquet, COMPRESSION snappy)")
        Path(f"{path}.part").rename(path)
    db.close()


RESOURCES = """
SELECT i AS number, account AS SubAccountId, region AS RegionId, 'Amazon Service ' || draw(i, 4, 30) AS ServiceName,
  'arn:aws:ec2:' || region || ':' || account || ':instance/i-' || lpad(printf('%x', i * 7919), 17, '0') AS ResourceId,
  CASE WHEN draw(i, 5, 100) >= 15 THEN '{{' || concat_ws(',',
    CASE WHEN draw(i, 6, 100) < 85 THEN '"owner":"team-' || service % 200 || '"' END,
    CASE WHEN draw(i, 7, 100) < 85 THEN '"service":"svc-' || service || '"' END,
    CASE WHEN draw(i, 8, 100) < 85
      THEN '"environment":"' || (['production', 'staging', 'dev', 'prod'])[1 + draw(i, 9, 4)] || '"' END,
    '"Name":"n-' || draw(i, 10, 90000) || '"', '"cost-center":"' || draw(i, 11, 50) || '"') || '}}' END AS Tags
FROM (SELECT i, lpad(CAST(100000000000 + draw(i, 1, 40) AS VARCHAR), 12, '0') AS account,
    (['eu-west-1', 'us-east-1', 'us-west-2', 'eu-central-1'])[1 + draw(i, 2, 4)] AS region, draw(i, 3, 1800) AS service
  FROM range({count}) AS numbers(i)) AS drawn
"""

CHARGES = """
SELECT ResourceId, SubAccountId, RegionId, ServiceName, Tags, 'Amazon Web Services' AS ProviderName,
  'USD' AS BillingCurrency, 'Usage' AS ChargeCategory, CAST(NULL AS VARCHAR) AS CommitmentDiscountStatus,
  CAST(draw(row, 20, 1000000) / 1e7 AS {money}) AS BilledCost,
  CAST(draw(row, 21, 1000000) / 1e7 AS {money}) AS EffectiveCost,
  TIMESTAMPTZ '2026-10-01 00:00:00+00' + INTERVAL 1 HOUR * CAST(draw(row, 22, 744) AS INTEGER) AS ChargePeriodStart
FROM range({first}, {end}) AS rows(row) JOIN resources ON number = draw(row, 23, {resources})
"""

if __name__ == "__main__":
    raise SystemExit(main())
