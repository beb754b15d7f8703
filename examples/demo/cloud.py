"""An AWS on this machine (moto), with what a real account drifts into; for scripts/demo.

cloud.py serve FOLDER    makes it, writes FOLDER/environment for a shell, and serves until standard input ends
cloud.py drift           somebody makes two more resources, and somebody mends one
"""

import json
import os
import sys
from pathlib import Path

import boto3

REGION = "eu-west-1"
ACCOUNT = "123456789012"
GOOD = {"owner": "commerce", "service": "orders", "environment": "production"}

# What each has for tags, and what is wrong with that.
DATABASES = {
    "orders": GOOD,
    # In Terraform's state: to be mended in its source, or the next apply would take it back.
    "payments": {"team": "payments", "app": "payments", "environment": "production"},
    "analytics": {"owner": "data", "service": "warehouse", "environment": "prod"},  # the value has another name
}
TABLES = {
    "carts": GOOD,
    "sessions": {"Owner": "commerce", "service": "shop", "environment": "production"},  # the key has another case
    "experiments": {},
}
BUCKETS = {
    "acme-invoices": {**GOOD, "service": "billing"},
    "acme-exports": {},
    "acme-logs": {"owner": "", "service": "platform", "environment": "production"},  # nobody is written down
}
QUEUES = {
    "orders-events": GOOD,
    "mails": {"team": "post", "service": "mails", "environment": "production"},  # another word for the owner
    "mails-dead": {"team": "post", "app": "mails", "env": "prod"},
    "scratch": {},
}


def make() -> None:
    rds = boto3.client("rds")
    for name, tags in DATABASES.items():
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.m5.large",
            Engine="postgres",
            MasterUsername="example",
            MasterUserPassword="example-only",
            AllocatedStorage=20,
            Tags=_pairs(tags),
        )
    dynamodb = boto3.client("dynamodb")
    for name, tags in TABLES.items():
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=_pairs(tags),
        )
    s3 = boto3.client("s3")
    for name, tags in BUCKETS.items():
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if tags:
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": _pairs(tags)})
    sqs = boto3.client("sqs")
    for name, tags in QUEUES.items():
        sqs.create_queue(QueueName=name, tags=tags)


def drift() -> None:
    sqs = boto3.client("sqs")
    sqs.create_queue(QueueName="hotfix")
    boto3.client("sns").create_topic(Name="alarms-copy")
    url = sqs.get_queue_url(QueueName="scratch")["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"owner": "search", "service": "index", "environment": "dev"})


def state(folder: Path) -> None:
    """The Terraform state of live/, which has one of the databases."""
    instance = {
        "schema_version": 2,
        "attributes": {
            "id": "db-PAYMENTS",
            "identifier": "payments",
            "arn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:payments",
            "tags": DATABASES["payments"],
            "tags_all": DATABASES["payments"],
        },
    }
    resource = {
        "mode": "managed",
        "type": "aws_db_instance",
        "name": "payments",
        "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
        "instances": [instance],
    }
    document = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "demo", "resources": [resource]}
    (folder / "live" / "terraform.tfstate").write_text(json.dumps(document))


def serve(folder: Path) -> None:
    from tests.servers.aws import AwsServer

    with AwsServer() as server:
        environment = {**server.environment(ACCOUNT, REGION), "PYTHONWARNINGS": "ignore"}
        os.environ.update(environment)
        make()
        state(folder)
        lines = [f"export {name}='{value}'\n" for name, value in environment.items()]
        partial = folder / "environment.partial"
        partial.write_text("".join(lines))
        partial.replace(folder / "environment")
        sys.stdin.read()


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", folder]:
            serve(Path(folder))
        case ["drift"]:
            drift()
        case _:
            sys.exit(__doc__)
