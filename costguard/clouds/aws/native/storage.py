"""Where data lies: buckets, file systems, backups."""

from collections.abc import Iterator, Sequence

from costguard.clouds.aws import api
from costguard.clouds.aws.native.listing import Each, Item, Kind, Reading, Walk, gone, items
from costguard.clouds.sighting import GLOBAL, Sighting

_BUCKET_TAGS = Each(
    operation="GetBucketTagging", asks={"Bucket": "{Name}"}, tags="TagSet", none=frozenset({"NoSuchTagSet"})
)
_BUCKET = Kind("aws_s3_bucket")


def _buckets(reading: Reading) -> Iterator[Sequence[Sighting]]:
    """All buckets of the account, each asked for its tags where it lies."""
    # S3 says where a bucket lies only if it is asked for pages (API reference of ListBuckets, BucketRegion).
    for page in reading.pages("ListBuckets", page=1000):
        found = []
        for bucket in items("Buckets", page):
            seen = _bucket(reading, bucket)
            if seen is not None:
                found.append(seen)
        yield found


def _bucket(reading: Reading, bucket: Item) -> Sighting | None:
    from botocore.exceptions import BotoCoreError, ClientError

    id_ = reading.fill("arn:{partition}:s3:::{Name}", bucket)
    region = bucket.get("BucketRegion")
    try:
        if not region:
            # An empty constraint is the oldest region, and "EU" what its second was called (GetBucketLocation).
            said = reading.client().get_bucket_location(Bucket=bucket["Name"]).get("LocationConstraint")
            region = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(said, said)
        if not reading.asked(id_, _BUCKET):
            return reading.sighting(id_, _BUCKET, None, region=region)
        reading.client(region)
    except ClientError as error:
        return None if gone(error) else reading.sighting(id_, _BUCKET, api.explain(error), region=region or GLOBAL)
    except (BotoCoreError, ValueError) as error:  # No region that there could be.
        return reading.sighting(id_, _BUCKET, api.explain(error), region=GLOBAL)
    tags = reading.tags(_BUCKET_TAGS, bucket, region=region)
    return None if tags is None else reading.sighting(id_, _BUCKET, tags, region=region)


ROWS = (
    Walk(
        service="s3",
        types=("aws_s3_bucket",),
        operations=("ListBuckets", "GetBucketLocation", "GetBucketTagging"),
        walk=_buckets,
        scope="global",
    ),
)
