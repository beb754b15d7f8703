"""Posts JSON to an address that is a secret: who knows it may post there.

So the address is in no message, no log and no exception. It is only sent over TLS (or on this machine), never to
another host that an answer points to, and what the receiver says is not repeated, as it may quote what it was sent to.
"""

import http.client
import ssl
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it.

from costguard import __version__
from costguard.notify.delivery import Later, Refused

_LATER = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_WORDS = 64
"""Bytes of an answer that are looked at."""


def post(
    variable: str, environment: Mapping[str, str], body: bytes, media_type: str, known: frozenset[str], timeout: float
) -> None:
    """Posts to the address in an environment variable. ``known`` are words of the receiver's that are no secret and are
    repeated. Raises :class:`Later` where 408, 425, 429 or 5xx is answered or the connection breaks, also after
    everything was sent; :class:`Refused` for all else but 2xx."""
    url = _address(variable, environment[variable])
    headers = {"Content-Type": media_type, "User-Agent": f"costguard/{__version__}", "Accept": "*/*"}
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connection = _connection(url, environment, timeout)
    try:
        connection.request("POST", target, body, headers)
        answer = connection.getresponse()
        status = answer.status
        wait = _wait(answer.getheader("Retry-After"))
        said = "" if 200 <= status < 300 else answer.read(_WORDS).decode("ascii", "replace").strip()
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"its certificate is not valid: {error.verify_message}") from None
    except ssl.SSLError:
        raise Later("no TLS connection could be made") from None
    except TimeoutError:
        raise Later(f"there was no answer within {timeout:g} s") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, UnicodeError | http.client.InvalidURL):
            raise Refused(f"the address in {variable} is not one") from None
        raise Later(_broken(error)) from None
    finally:
        connection.close()
    if 200 <= status < 300:
        return
    phrase = f"it answers {status}{f' {HTTPStatus(status).phrase}' if status in list(HTTPStatus) else ''}"
    if status in _LATER or status >= 500:
        raise Later(phrase, wait)
    if 300 <= status < 400:
        raise Refused(f"{phrase}: it points to another address, which is not followed with a secret; name that one")
    raise Refused(f"{phrase}: {said}" if said in known else phrase)


def _address(variable: str, text: str) -> SplitResult:
    """Raises :class:`Refused` where it is none that may be posted to."""
    try:
        url = urlsplit(text.strip())
        host, _ = url.hostname, url.port
    except ValueError:
        raise Refused(f"the address in {variable} is not one") from None
    if url.scheme not in ("http", "https") or not host or not text.strip().isascii():
        raise Refused(f"the address in {variable} is not one: it begins with https:// and a host")
    if url.scheme == "http" and not _here(host):
        raise Refused(f"the address in {variable} begins with http://, where everybody on the way can read it")
    if url.username is not None or url.password is not None:
        raise Refused(f"the address in {variable} has a user in front of its host, which is not sent")
    return url


def _connection(url: SplitResult, environment: Mapping[str, str], timeout: float) -> http.client.HTTPConnection:
    """Not connected yet; through the proxy that the environment names, which sees a host's name and no address."""
    host, port = url.hostname or "", url.port
    if url.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    context = ssl.create_default_context()
    proxy = environment.get("https_proxy") or environment.get("HTTPS_PROXY") or ""
    exceptions = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if not proxy or proxy_bypass_environment(host, {"no": exceptions}):
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    try:
        way = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        at = way.port or 80
    except ValueError:
        raise Refused("the proxy that HTTPS_PROXY names is not an address") from None
    if way.scheme != "http" or not way.hostname:
        raise Refused("the proxy that HTTPS_PROXY names is not one that begins with http://")
    headers = {}
    if way.username is not None:
        credentials = f"{unquote(way.username)}:{unquote(way.password or '')}".encode()
        headers["Proxy-Authorization"] = f"Basic {b64encode(credentials).decode()}"
    connection = http.client.HTTPSConnection(way.hostname, at, timeout=timeout, context=context)
    connection.set_tunnel(host, port or 443, headers)
    return connection


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _wait(text: str | None) -> float | None:
    """Seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3); None where it says nothing that can be understood."""
    if text is None or len(text) > 100:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _broken(error: Exception) -> str:
    """A connection's failure in words; the error's own may hold the address."""
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, http.client.HTTPException) and not isinstance(error, http.client.RemoteDisconnected):
        return "what it answers is not HTTP"
    if str(error).startswith("Tunnel connection failed"):
        return "the proxy lets nobody through"
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return "no connection could be made"
    return "the connection broke, and whether it was taken is not known"
