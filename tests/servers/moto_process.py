"""moto in a process of its own: prints its port, and ends when its standard input closes.

A process, because the client under test shall not share the interpreter's lock with the cloud that it talks to; and
bound to its parent's pipe, so that it can't outlive a test run that was killed.
"""

import logging
import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


def main() -> None:
    logging.getLogger("werkzeug").disabled = True
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    # moto calls itself (CloudFormation's custom resources) by this port.
    os.environ["MOTO_PORT"] = str(server.port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.port, flush=True)  # noqa: T201 - the parent reads it.
    sys.stdin.read()


if __name__ == "__main__":
    main()
