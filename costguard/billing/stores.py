"""Bills in an object store: copied once, whole or not at all, and again only where they have changed, there or here.

What arrives is held against the object's size, and by the store's own client against the checksum that the store has of
it; what was kept, against the checksum that it had when it arrived.

An endpoint of one's own is what the SDKs' variables say: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, STORAGE_EMULATOR_HOST.
"""

import hashlib
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from costguard.errors import InputError, UsageError
from costguard.model.resource import Gap
from costguard.policy.patterns import path_matches

_CHUNK = 1 << 22
_PATIENCE = timedelta(minutes=1)
"""Google's client tries again for a quarter of an hour, unless it is told."""


def copied(url: str, cache: Path, known: tuple[str, ...], gaps: list[Gap]) -> list[str]:
    """The local copies of what a URL names: an object, all below a prefix, or what matches a glob (``*``, ``**``).

    One that can't be copied is a gap. Raises :class:`InputError` where there is nothing, or the store can't be asked.
    """
    import pyarrow as pa

    scheme = url.partition("://")[0]
    store, found = _listed(url, known)
    copies = []
    for one in sorted(found, key=lambda one: one.path):
        try:
            copies.append(_copy(store, one, scheme, cache))
        except (pa.ArrowException, OSError) as error:
            gaps.append(Gap(f"{scheme}://{one.path}", f"it can't be copied: {_said(error)}"))
    return copies


def count(url: str, known: tuple[str, ...]) -> int:
    """How many objects a URL names; nothing is copied. Raises as :func:`copied` does."""
    return len(_listed(url, known)[1])


def _listed(url: str, known: tuple[str, ...]) -> tuple[Any, list[Any]]:
    """The store, and the objects in it that a URL names."""
    import pyarrow as pa
    from pyarrow import fs

    scheme, _, rest = url.partition("://")
    parts = rest.split("/")
    fixed = next((at for at, part in enumerate(parts) if any(char in part for char in "*?[")), len(parts))
    base = "/".join(parts[:fixed]).rstrip("/")
    try:
        store = _store(scheme)
        info = store.get_file_info(base)
        if info.type == fs.FileType.File:
            found = [info]
        else:
            listed = store.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
            found = [one for one in listed if one.type == fs.FileType.File]
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{url} can't be listed: {_said(error)}") from error
    if fixed < len(parts):
        found = [one for one in found if path_matches(rest, one.path)]
    else:
        found = [one for one in found if one.path == base or one.path.casefold().endswith(known)]
    if not found:
        raise InputError(f"{url}: there is no bill there")
    return store, found


def _copy(store: Any, info: Any, scheme: str, cache: Path) -> str:
    name = info.path.rpartition("/")[2]
    stamp = f"{scheme}://{info.path}\0{info.size}\0{info.mtime_ns}"
    folder = cache / "copies" / hashlib.sha256(stamp.encode()).hexdigest()[:32]
    copy, sum_ = folder / name, folder / "sha256"
    if _sound(copy, sum_):
        return str(copy)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, part = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as out, store.open_input_stream(info.path) as source:
            while chunk := source.read(_CHUNK):
                out.write(chunk)
                digest.update(chunk)
            out.flush()
            os.fsync(out.fileno())
            size = out.tell()
        if size != info.size:
            raise OSError(f"{size:,} bytes arrived of {info.size:,}")
        sum_.unlink(missing_ok=True)
        os.replace(part, copy)  # noqa: PTH105 - of a name that is taken.
        sum_.write_text(digest.hexdigest())
    finally:
        Path(part).unlink(missing_ok=True)
    return str(copy)


def _sound(copy: Path, sum_: Path) -> bool:
    """Whether a copy is there and is what arrived."""
    try:
        said = sum_.read_text()
        with copy.open("rb") as kept:
            return hashlib.file_digest(kept, "sha256").hexdigest() == said
    except OSError:
        return False


def _store(scheme: str) -> Any:
    from pyarrow import fs

    if scheme == "s3":
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return fs.S3FileSystem(**_override(endpoint), **_region(endpoint))
    endpoint = os.environ.get("STORAGE_EMULATOR_HOST")
    anonymous = {"anonymous": True} if endpoint else {}
    return fs.GcsFileSystem(**_override(endpoint), **anonymous, retry_time_limit=_PATIENCE)


def _override(endpoint: str | None) -> dict[str, Any]:
    if not endpoint:
        return {}
    scheme, found, host = endpoint.partition("://")
    if not found:
        scheme, host = "http", endpoint
    if scheme not in ("http", "https") or not host.strip("/"):
        raise UsageError(f"the endpoint {endpoint} is no http:// or https:// address")
    return {"endpoint_override": host.rstrip("/"), "scheme": scheme}


def _region(endpoint: str | None) -> dict[str, Any]:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return {"region": region or "us-east-1"} if region or endpoint else {}


def _said(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
