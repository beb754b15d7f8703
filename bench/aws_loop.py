"""How fast a bare SDK reads: one thread, boto3's own paginators, and nothing done with the pages.

    python bench/aws_loop.py [--resources 1000000]

starts ``aws_server.py`` and prints, for Resource Explorer and Resource Groups Tagging, pages a second, and how many
times faster the same pages come without the SDK (so that it isn't the server that is measured).
"""

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session

HOME = "100000000000"


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """The URL of a scale server that lives as long as the block."""
    program = Path(__file__).with_name("aws_server.py")
    process = subprocess.Popen([sys.executable, program, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate()


def client(url: str, service: str, account: str, region: str) -> Any:
    return botocore.session.Session().create_client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=f"AKIA{account}TEST",
        aws_secret_access_key="x" * 40,
    )


def read_explorer(url: str, accounts: int) -> tuple[int, int]:
    """Pages and resources of every account's aggregator."""
    pages = resources = 0
    for number in range(accounts):
        sdk = client(url, "resource-explorer-2", f"{int(HOME) + number:012d}", "us-east-1")
        for page in sdk.get_paginator("list_resources").paginate(PaginationConfig={"PageSize": 500}):
            pages += 1
            resources += len(page["Resources"])
    return pages, resources


def read_tagging(url: str, accounts: int, regions: list[str]) -> tuple[int, int]:
    """Pages and resources of every account and region."""
    pages = resources = 0
    for number in range(accounts):
        for region in regions:
            sdk = client(url, "resourcegroupstaggingapi", f"{int(HOME) + number:012d}", region)
            for page in sdk.get_paginator("get_resources").paginate(ResourcesPerPage=100):
                pages += 1
                resources += len(page["ResourceTagMappingList"])
    return pages, resources


def raw(url: str, signing: str, path: str, headers: dict[str, str], body: bytes, times: int) -> float:
    """Seconds for one page on a bare socket: the server's own share, and the kernel's."""
    host, port = url.removeprefix("http://").split(":")
    scope = f"AWS4-HMAC-SHA256 Credential=AKIA{HOME}TEST/20260101/us-east-1/{signing}/aws4_request, Signature=0"
    sent = {"Host": host, "Authorization": scope, "Content-Length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    request = "\r\n".join(lines).encode() + body
    with socket.create_connection((host, int(port))) as connection:
        begun = time.perf_counter()
        for _ in range(times):
            connection.sendall(request)
            answer = connection.recv(1 << 20)
            head = answer.index(b"\r\n\r\n") + 4
            length = int(answer[:head].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            left = head + length - len(answer)
            while left > 0:
                left -= len(connection.recv(1 << 20))
        return (time.perf_counter() - begun) / times


def main() -> int:
    parser = argparse.ArgumentParser(description="The page rate of a bare boto3 loop.")
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=4)
    parser.add_argument("--url", help="of a server that runs already; the counts are its own")
    given = parser.parse_args()
    arguments = ("--resources", str(given.resources), "--accounts", str(given.accounts), "--regions", "2")
    with served(*arguments) as own:
        url = given.url or own
        sent = {"Content-Type": "application/json"}
        explorer = raw(url, "resource-explorer-2", "/ListResources", sent, b'{"MaxResults":500}', 200)
        sent = {
            "X-Amz-Target": "ResourceGroupsTaggingAPI_20170126.GetResources",
            "Content-Type": "application/x-amz-json-1.1",
        }
        tagging = raw(url, "tagging", "/", sent, b'{"ResourcesPerPage":100}', 1000)
        for name, read, page in (
            ("Explorer", lambda: read_explorer(url, given.accounts), explorer),
            ("Tagging", lambda: read_tagging(url, given.accounts, ["us-east-1", "eu-west-1"]), tagging),
        ):
            begun = time.perf_counter()
            pages, resources = read()
            seconds = time.perf_counter() - begun
            rate = pages / seconds
            print(
                f"{name:9} {pages:6,} pages {resources:10,} resources {seconds:7.2f} s "
                f"{rate:7.1f} pages/s {resources / seconds:9,.0f} resources/s; without the SDK {1 / page / rate:.1f} x"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
