"""Does a client's address have a name that leads back to it? The method "iprev" of RFC 8601 3."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from pillarbox.filter.auth.results import Method
from pillarbox.filter.dns import Asking, Found, Kind, Question, is_name

NAMES_LIMIT = 5  # looked at, of those that an address has; RFC 8601 3 wants a limit


class Result(StrEnum):
    PASS = "pass"
    FAIL = "fail"  # none of its names leads back
    TEMPERROR = "temperror"
    PERMERROR = "permerror"  # it has no name


@dataclass(frozen=True, slots=True)
class Iprev:
    """`name` is the first that leads back, in lower case; "" without."""

    result: Result
    address: str
    name: str = ""


def check(address: str) -> Asking[Iprev]:
    """`address` is one in plain text."""
    parsed = ip_address(address)
    answer = yield Question(parsed.reverse_pointer, Kind.PTR)
    if answer.found is Found.TROUBLE:
        return Iprev(Result.TEMPERROR, address)
    if answer.found is not Found.RECORDS:
        return Iprev(Result.PERMERROR, address)
    kind = Kind.A if parsed.version == 4 else Kind.AAAA
    trouble = False
    for written in answer.values[:NAMES_LIMIT]:
        name = written.lower().removesuffix(".")
        if not is_name(name):
            continue
        forward = yield Question(name, kind)
        trouble = trouble or forward.found is Found.TROUBLE
        if any(_is(text, address) for text in forward.values):
            return Iprev(Result.PASS, address, name)
    return Iprev(Result.TEMPERROR if trouble else Result.FAIL, address)


def _is(text: str, address: str) -> bool:
    try:
        return ip_address(text) == ip_address(address)
    except ValueError:
        return False


def method(iprev: Iprev) -> Method:
    """RFC 8601 2.7.3: policy.iprev is the address."""
    return Method("iprev", iprev.result.value, (("policy.iprev", iprev.address),), comment=iprev.name)
