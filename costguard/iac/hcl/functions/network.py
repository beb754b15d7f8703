"""Functions of IP networks."""

import re
from collections.abc import Callable

import msgspec

from costguard.iac.hcl.functions.collections import whole_number
from costguard.iac.hcl.functions.signature import MOST_ELEMENTS, Function, Undecided, function
from costguard.iac.hcl.numbers import Number
from costguard.iac.hcl.types import NUMBER, STRING
from costguard.iac.hcl.values import EvaluationError, Value

_IPV4 = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)")


class _Network(msgspec.Struct, frozen=True):
    """``start`` is the address with all host bits zero, ``length`` the number of network bits of ``bits``."""

    start: int
    length: int
    bits: int

    def written(self) -> str:
        return f"{_written(self.start, self.bits)}/{self.length}"


def _written(address: int, bits: int) -> str:
    if bits == 32:
        return ".".join(map(str, address.to_bytes(4, "big")))
    if address >> 32 == 0xFFFF:
        raise Undecided("an IPv4 address in an IPv6 network")
    from ipaddress import IPv6Address

    return str(IPv6Address(address))


def _parsed(text: str) -> _Network:
    address, slash, suffix = text.partition("/")
    if not slash or not suffix.isascii() or not suffix.isdigit() or len(suffix) > 3:
        raise EvaluationError(f'"{text}" is no network in CIDR notation')
    start, bits = _address(address)
    length = int(suffix)
    if length > bits:
        raise EvaluationError(f'"{text}" is no network in CIDR notation')
    return _Network(start >> (bits - length) << (bits - length), length, bits)


def _address(text: str) -> tuple[int, int]:
    match = _IPV4.fullmatch(text)
    if match:
        # Terraform reads leading zeros as the decimal digits they are, unlike Python.
        octets = [int(octet) if len(octet) < 20 else 256 for octet in match.groups()]
        if max(octets) > 255:
            raise EvaluationError(f'"{text}" is no IP address')
        return int.from_bytes(bytes(octets), "big"), 32
    from ipaddress import AddressValueError, IPv6Address

    if "%" in text:
        raise EvaluationError(f'"{text}" is no IP address')
    try:
        address = int(IPv6Address(text))
    except AddressValueError as error:
        raise EvaluationError(f'"{text}" is no IP address') from error
    if address >> 32 == 0xFFFF or "." in text:
        raise Undecided("an IPv4 address in an IPv6 network")
    return address, 128


def _integer(number: Number, what: str) -> int:
    """A whole number that may be as large as an address."""
    if isinstance(number, int):
        return number
    return whole_number(number, what)


def _cidrhost(prefix: str, number: Number) -> Value:
    network = _parsed(prefix)
    host = _integer(number, "the number of the host")
    size = 1 << (network.bits - network.length)
    if not -size <= host < size:
        raise EvaluationError(f"a prefix of {network.length} bits has no host {host}")
    return _written(network.start | (host % size), network.bits)


def _cidrnetmask(prefix: str) -> Value:
    network = _parsed(prefix)
    if network.bits != 32:
        raise EvaluationError("an IPv6 network has no netmask")
    return _written((1 << 32) - (1 << (32 - network.length)), 32)


def _cidrsubnet(prefix: str, newbits: Number, number: Number) -> Value:
    network = _parsed(prefix)
    added = whole_number(newbits, "the number of bits")
    subnet = _integer(number, "the number of the subnet")
    if added < 0 or subnet < 0:
        raise Undecided("a negative number of bits or of a subnet")
    length = network.length + added
    if length > network.bits:
        raise EvaluationError(f"a prefix of {network.length} bits can't be extended by {added}")
    if subnet >= 1 << added:
        raise EvaluationError(f"an extension by {added} bits has no subnet {subnet}")
    return _Network(network.start | subnet << (network.bits - length), length, network.bits).written()


def _cidrsubnets(prefix: str, *newbits: Number) -> Value:
    network = _parsed(prefix)
    if len(newbits) > MOST_ELEMENTS:
        raise Undecided("a list too long to work with")
    end = network.start + (1 << (network.bits - network.length))
    following = network.start
    if newbits and not network.start:
        raise Undecided("a network that starts at the first of all addresses")
    found: list[Value] = []
    for number in newbits:
        added = whole_number(number, "the number of bits")
        if added < 1:
            raise EvaluationError("a prefix is extended by at least one bit")
        length = network.length + added
        if added > 32:
            raise Undecided("an extension by more than 32 bits")
        if length > network.bits:
            raise EvaluationError(f"a prefix of {network.length} bits can't be extended by {added}")
        size = 1 << (network.bits - length)
        following = -(-following // size) * size
        if following >= end:
            raise EvaluationError("not enough address space is left")
        found.append(_Network(following, length, network.bits).written())
        following += size
    return tuple(found)


def _cidrcontains(prefix: str, other: str) -> Value:
    outer = _parsed(prefix)
    if "/" in other:
        inner = _parsed(other)
    else:
        start, bits = _address(other)
        inner = _Network(start, bits, bits)
    if inner.bits != outer.bits:
        raise EvaluationError("IPv4 and IPv6 don't mix")
    same: Callable[[int], int] = lambda address: address >> (outer.bits - outer.length)  # noqa: E731
    return inner.length >= outer.length and same(inner.start) == same(outer.start)


FUNCTIONS: dict[str, Function] = {
    "cidrcontains": function(_cidrcontains, STRING, STRING),
    "cidrhost": function(_cidrhost, STRING, NUMBER),
    "cidrnetmask": function(_cidrnetmask, STRING),
    "cidrsubnet": function(_cidrsubnet, STRING, NUMBER, NUMBER),
    "cidrsubnets": function(_cidrsubnets, STRING, rest=NUMBER),
}
