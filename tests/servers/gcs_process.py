"""Google's storage, as far as an emulator has it, in a process of its own: prints its port, and ends when its standard
input closes."""

import sys

from gcp_storage_emulator.server import create_server  # type: ignore[import-untyped] # It has none.


def main() -> None:
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="bills")
    server.start()
    print(server._api._httpd.server_port, flush=True)  # noqa: T201 - the parent reads it.
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
