"""Reads the states that lie in S3.

It knows which objects under a URL are states and which lie beside them (locks, backups, plans), and hides the paging.
The client is handed in, with its session and its manners.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from costguard.clouds.aws.api import guarded, guarded_pages
from costguard.clouds.sighting import SourceError
from costguard.iac.state import MOST
from costguard.model.resource import Gap
from costguard.policy.patterns import path_matches


def objects(client: Any, url: str) -> Iterator[tuple[str, bytes] | Gap]:
    """The key and the bytes of each state under ``url``, in the order of their keys; what can't be read is a gap.

    ``s3://bucket/live/`` is all ``*.tfstate`` below; ``*`` and ``?`` match in one name, ``**`` through folders; a key
    in full is that object, however it is called, and else a folder. One object at a time is held.
    """
    bucket, _, path = url.removeprefix("s3://").partition("/")
    if path.endswith(".tfstate") and not _MAGIC.search(path):
        # A key in full needs no right to list.
        yield _object(client, bucket, path)
        return
    magic = _MAGIC.search(path)
    prefix = path[: magic.start()] if magic else path
    found = False
    try:
        for key, size in guarded_pages(_listed(client, bucket, prefix)):
            if not _is_state(key, path):
                continue
            found = True
            yield _object(client, bucket, key) if size <= MOST else _too_long(bucket, key)
    except SourceError as error:
        yield Gap(url, str(error))
        return
    if not found:
        yield Gap(url, "no state is there; mend terraform.states in costguard.yaml")


_MAGIC = re.compile(r"[*?]")


def _is_state(key: str, path: str) -> bool:
    """Whether an object is one of those that a path means. What the path doesn't name in full must look like a state:
    S3 also holds the locks (``.tflock``) and backups of states, and plans."""
    if not _MAGIC.search(path):
        return key == path or (key.endswith(".tfstate") and (not path or key.startswith(f"{path.rstrip('/')}/")))
    if path.endswith("/"):
        path += "**"
    if not path.rpartition("/")[2].strip("*?") and not key.endswith(".tfstate"):
        return False
    return path_matches(path, key)


def _listed(client: Any, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            yield item["Key"], item.get("Size", 0)


def _object(client: Any, bucket: str, key: str) -> tuple[str, bytes] | Gap:
    def read() -> bytes | None:
        answer = client.get_object(Bucket=bucket, Key=key)
        # botocore's body translates errors only where it isn't used as a context, and misses a cut where it is asked
        # for a length.
        with closing(answer["Body"]) as body:
            return None if answer["ContentLength"] > MOST else bytes(body.read())

    try:
        raw = guarded(read)
    except SourceError as error:
        return Gap(f"s3://{bucket}/{key}", str(error))
    return _too_long(bucket, key) if raw is None else (key, raw)


def _too_long(bucket: str, key: str) -> Gap:
    return Gap(f"s3://{bucket}/{key}", f"it is longer than {MOST >> 20} MiB, which no state should be")
