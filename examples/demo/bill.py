"""Writes focus.csv: five weeks of FOCUS 1.2 for the resources of cloud.py, as their tags were then.

bill.py > focus.csv
"""

import csv
import json
import sys
from datetime import date, timedelta

from cloud import ACCOUNT, BUCKETS, DATABASES, QUEUES, REGION, TABLES

LAST = date(2026, 11, 23)
DAYS = 37
TAGGED = date(2026, 11, 9)  # Until then the carts had no tags: a bill shows those of its day.
BUSY = date(2026, 11, 16)  # Since then there is twice as much to export.
COLUMNS = (
    "BillingCurrency",
    "BilledCost",
    "EffectiveCost",
    "ChargeCategory",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ProviderName",
    "SubAccountId",
    "RegionId",
    "ServiceName",
    "ResourceId",
    "Tags",
)
# What a day costs.
DEAR = {"orders": 41.28, "payments": 38.4, "analytics": 22.56, "carts": 9.12, "sessions": 14.4, "experiments": 6.24}
CHEAP = {"acme-exports": 11.52, "acme-invoices": 3.84, "acme-logs": 7.2, "orders-events": 0.96, "mails": 0.72}


def resources() -> list[tuple[str, str, str, dict[str, str]]]:
    """(service, id, name, tags) of each."""
    place = f"{REGION}:{ACCOUNT}"
    return [
        *(("Amazon RDS", f"arn:aws:rds:{place}:db:{name}", name, tags) for name, tags in DATABASES.items()),
        *(("Amazon DynamoDB", f"arn:aws:dynamodb:{place}:table/{name}", name, tags) for name, tags in TABLES.items()),
        *(("Amazon S3", f"arn:aws:s3:::{name}", name, tags) for name, tags in BUCKETS.items()),
        *(("Amazon SQS", f"arn:aws:sqs:{place}:{name}", name, tags) for name, tags in QUEUES.items()),
    ]


def main() -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number in range(DAYS):
        day = LAST - timedelta(days=DAYS - 1 - number)
        when = [f"{day}T00:00:00Z", f"{day + timedelta(days=1)}T00:00:00Z"]
        for service, id_, name, now in resources():
            tags = {} if name == "carts" and day < TAGGED else now
            busy = 2 if name == "acme-exports" and day >= BUSY else 1
            cost = f"{busy * DEAR.get(name, CHEAP.get(name, 0.48)) * (1 + number % 7 / 50):.4f}"
            place = ["AWS", ACCOUNT, REGION, service, id_, json.dumps(tags) if tags else ""]
            writer.writerow(["USD", cost, cost, "Usage", *when, *place])
        writer.writerow(
            ["USD", "6.0000", "6.0000", "Usage", *when, "AWS", ACCOUNT, REGION, "AWS Data Transfer", "", ""]
        )
    start = LAST.replace(day=1)
    when = [f"{start}T00:00:00Z", f"{start + timedelta(days=30)}T00:00:00Z"]
    writer.writerow(["USD", "120.0000", "120.0000", "Tax", *when, "AWS", ACCOUNT, "", "Tax", "", ""])
    writer.writerow(["USD", "-75.0000", "-75.0000", "Credit", *when, "AWS", ACCOUNT, "", "AWS Activate", "", ""])


if __name__ == "__main__":
    main()
