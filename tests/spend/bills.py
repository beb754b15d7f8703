"""A generated bill, large enough that sums can go wrong."""

from pathlib import Path

EACH = """
    ['Usage', 'Usage', 'Usage', 'Tax', 'Credit', 'Purchase', 'Rebate'][1 + i % 7] AS ChargeCategory,
    ['Unused', NULL, 'Used'][1 + i % 3] AS CommitmentDiscountStatus,
    (hash(i) % 100000000)::BIGINT / 1e7::DOUBLE - 1 AS BilledCost,
    ((hash(i + 1) % 100000000)::BIGINT / 1e9)::DECIMAL(28, 12) AS EffectiveCost,
    ['AWS', 'Google Cloud', 'Microsoft', 'Oracle'][1 + i % 4] AS ProviderName,
    '0' || (i % 13)::VARCHAR AS SubAccountId,
    CASE WHEN i % 5 > 0 THEN 'i-' || (i % 997)::VARCHAR END AS ResourceId,
    CASE WHEN i % 3 > 0 THEN 'region ' || (i % 4)::VARCHAR ELSE '' END AS RegionId,
    'Service ' || (i % 11)::VARCHAR AS ServiceName,
    ['USD', 'EUR'][1 + (i % 50 = 0)::INTEGER] AS BillingCurrency,
    TIMESTAMP '2026-09-30 22:00:00' + INTERVAL 1 HOUR * (i % 100)::INTEGER AS ChargePeriodStart
"""
TEXT = """CASE WHEN i % 6 > 0
    THEN '{"owner": "team ' || (i % 200)::VARCHAR || '", "a:b": "\u00fc"}' END"""
MAP = "CASE WHEN i % 4 > 0 THEN MAP {'owner': 'team ' || (i % 90)::VARCHAR, 'x.y': NULL} END"


def write(file: Path, rows: int, **tags: str) -> None:
    """Charges of every class, with costs as doubles and as decimal numbers, and tags by these expressions."""
    import duckdb

    columns = "".join(f', {expression} AS "{name}"' for name, expression in tags.items())
    duckdb.execute(f"COPY (SELECT {EACH}{columns} FROM range({rows}) AS t(i)) TO '{file}' (FORMAT parquet)")


def google(file: Path, rows: int) -> None:
    """A detailed export of Google's, with labels, Tags, credits of all kinds, and none."""
    import duckdb

    duckdb.execute(
        f"""
        COPY (SELECT
            'A-1' AS billing_account_id,
            (hash(i) % 100000000)::BIGINT / 1e7::DOUBLE AS cost,
            ['USD', 'EUR'][1 + (i % 40 = 0)::INTEGER] AS currency,
            ['regular', 'regular', 'tax', 'adjustment', 'rounding_error', 'strange'][1 + i % 6] AS cost_type,
            TIMESTAMPTZ '2026-09-30 22:00:00+00' + INTERVAL 1 HOUR * (i % 100)::INTEGER AS usage_start_time,
            {{'id': 'p' || (i % 7)::VARCHAR,
              'labels': [{{'key': 'unit', 'value': 'u' || (i % 3)::VARCHAR}}]}} AS project,
            {{'region': 'europe-west' || (i % 3)::VARCHAR}} AS location,
            {{'description': 'Service ' || (i % 11)::VARCHAR}} AS service,
            {{'name': 'n' || (i % 50)::VARCHAR,
              'global_name': CASE WHEN i % 5 > 0 THEN '//compute/i' || (i % 97)::VARCHAR END}} AS resource,
            CASE WHEN i % 4 > 0 THEN [{{'key': 'owner', 'value': 'team ' || (i % 90)::VARCHAR}},
                {{'key': 'quote "', 'value': ''}}] ELSE [] END AS labels,
            CASE WHEN i % 6 > 3 THEN [{{'key': 'owner', 'value': 'unit ' || (i % 9)::VARCHAR,
                'inherited': i % 12 > 5, 'namespace': '123456789012'}}] ELSE [] END AS tags,
            [{{'key': 'compute.googleapis.com/is_unused_reservation', 'value': ['true', 'false'][1 + i % 2]}},
                {{'key': 'compute.googleapis.com/cores', 'value': 'true'}}][1:1 + i % 3] AS system_labels,
            CASE WHEN i % 3 > 0 THEN [{{'type': ['DISCOUNT', 'PROMOTION', 'FREE_TIER', NULL][1 + i % 4],
                'amount': -((i % 1000)::DOUBLE / 7)}}, {{'type': 'SUSTAINED_USAGE_DISCOUNT', 'amount': -0.1::DOUBLE}}]
                ELSE [] END AS credits
        FROM range({rows}) AS t(i)) TO '{file}' (FORMAT parquet)
        """
    )
