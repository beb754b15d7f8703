"""Somebody at the console, between the apply and the plan: edits tags, deletes a topic, makes three by hand."""

import boto3

REGION = "us-east-1"
sns = boto3.client("sns", region_name=REGION)
s3 = boto3.client("s3", region_name=REGION)


def topic(name: str) -> str:
    return f"arn:aws:sns:{REGION}:123456789012:{name}"


def tag(name: str, **tags: str) -> None:
    sns.tag_resource(ResourceArn=topic(name), Tags=[{"Key": key, "Value": tags[key]} for key in tags])


def untag(name: str, *keys: str) -> None:
    sns.untag_resource(ResourceArn=topic(name), TagKeys=list(keys))


# Drift that the plan mends, drift that only the resource's configuration can see, drift on what is going away.
tag("drifted", environment="qa")
untag("drifted", "owner")
tag("drifted-extra", owner="somebody")
tag("deleted", environment="qa")
sns.delete_topic(TopicArn=topic("vanished"))

# Drift that the configuration ignores.
untag("ignores-tags", "service")
untag("ignores-tags-with-defaults", "service")
untag("ignores-defaults", "owner")
tag("ignores-owner", owner="", environment="qa")

# Resources that Terraform does not know yet and is asked to import.
for name, tags in {
    "imported": {"service": "shop"},
    "imported-compliant": {"owner": "payments", "service": "shop", "environment": "production"},
    "imported-and-tagged": {},
}.items():
    sns.create_topic(Name=name, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
s3.create_bucket(Bucket="imported-bucket")
s3.put_bucket_tagging(Bucket="imported-bucket", Tagging={"TagSet": [{"Key": "Owner", "Value": "payments"}]})
