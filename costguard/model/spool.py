"""A long row of frozen nouns that is written once and read often, and that needn't fit into memory.

It knows when a row is too long to be held, and hides where the rest is: compressed, in memory while that is small, else
in a temporary file without a name, of which nothing is left however the process ends.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import msgspec

from costguard.errors import InputError

if TYPE_CHECKING:
    from tempfile import SpooledTemporaryFile

T = TypeVar("T", bound=msgspec.Struct)

HELD = 10_000
"""Items that are kept as they are; a row that gets no longer costs no more than a list."""
_BLOCK = 1_000
_IN_MEMORY = 24_000_000
"""Bytes of compressed blocks before there is a file: some 300,000 findings."""

_encoder = msgspec.json.Encoder(order="deterministic")


def encoded(value: Any) -> bytes:
    """Our nouns as JSON, a mapping by its keys. JSON is UTF-8, which has no half of a surrogate pair: its escape stands
    for it, as text."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_without_surrogates(value))


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
        case msgspec.Struct():
            fields = {name: _without_surrogates(getattr(value, name)) for name in value.__struct_fields__}
            return msgspec.structs.replace(value, **fields)
        case _:
            return value


class Spool(Sequence[T], Generic[T]):
    """A sequence of ``kind`` that is appended to; up to ``held`` items are kept as they are. Iterating is cheap and may
    be done by several at once; an index costs the decoding of a thousand items.

    Raises :class:`InputError` where the temporary file can't be written.
    """

    def __init__(self, kind: type[T], held: int = HELD) -> None:
        self._recent: list[T] = []
        self._limit = max(held, _BLOCK)
        self._places: list[tuple[int, int]] = []
        self._decode = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]  # the type is a value here
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._end = 0

    def append(self, item: T) -> None:
        self._recent.append(item)
        if len(self._recent) >= self._limit:
            self._write()

    def sealed(self) -> Sequence[T]:
        """What was appended, for reading: a tuple where all of it is held."""
        return self if self._places else tuple(self._recent)

    def blocks(self) -> Iterator[bytes]:
        """All items in JSON arrays of some, none of them empty."""
        for place in self._places:
            yield self._block(place)
        if self._recent:
            yield encoded(self._recent)

    def __len__(self) -> int:
        return len(self._places) * _BLOCK + len(self._recent)

    def __iter__(self) -> Iterator[T]:
        for place in self._places:
            yield from self._decode(self._block(place))
        yield from self._recent

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self))))
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        written = len(self._places) * _BLOCK
        if at >= written:
            return self._recent[at - written]
        return self._decode(self._block(self._places[at // _BLOCK]))[at % _BLOCK]

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self._file.close()  # type: ignore[union-attr]  # asked just now

    def _write(self) -> None:
        import zlib
        from tempfile import SpooledTemporaryFile  # Most reports are short, and this costs them 10 ms.

        try:
            if self._file is None:
                self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - open for as long as somebody reads
            self._file.seek(self._end)
            while len(self._recent) >= _BLOCK:
                block = zlib.compress(encoded(self._recent[:_BLOCK]), 1)
                self._file.write(block)
                del self._recent[:_BLOCK]
                self._places.append((self._end, len(block)))
                self._end += len(block)
        except OSError as error:
            raise InputError(
                f"a report of so many findings needs room for temporary files, and there is none: {error.strerror}; "
                "TMPDIR names another folder for them"
            ) from error
        self._limit = _BLOCK

    def _block(self, place: tuple[int, int]) -> bytes:
        import zlib

        assert self._file is not None  # noqa: S101 - there are places only in a file
        start, size = place
        self._file.seek(start)
        return zlib.decompress(self._file.read(size))
