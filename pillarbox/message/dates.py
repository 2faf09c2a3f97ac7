"""The Date field (RFC 5322 3.3 and 4.3) and its most usual distortions."""

import re
from datetime import date
from functools import lru_cache

from pillarbox.message.limits import MEMO_ENTRIES

_EPOCH = date(1970, 1, 1).toordinal()
_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), 1
    )
}
# RFC 5322 4.3. Military letters were used the wrong way round for years: all of them mean unknown.
_ZONES = {
    b"est": -300,
    b"edt": -240,
    b"cst": -360,
    b"cdt": -300,
    b"mst": -420,
    b"mdt": -360,
    b"pst": -480,
    b"pdt": -420,
}

# The white space around the colons is RFC 5322 4.3; the dots are no RFC.
_COLON = rb"(?:[ \t]*:[ \t]*|\.)"
_SECOND = rb"(?:" + _COLON + rb"(?P<second>\d{1,2}))?(?:[.,]\d+)?"
_TIME = rb"(?P<hour>\d{1,2})" + _COLON + rb"(?P<minute>\d{1,2})" + _SECOND
_ZONE = rb"(?P<zone>[+-]\d\d:?\d\d|[A-Za-z]{1,5})"
_FORMS = (
    # Thu, 22 Aug 2002 18:26:25 +0700
    re.compile(
        rb"(?:[A-Za-z]++[ \t]*+[,.]?[ \t]*+)?(?P<day>\d{1,2})(?:[ \t.]+|-)(?P<month>[A-Za-z]{3})[A-Za-z.]*+"
        rb"(?:[ \t]+|-)(?P<year>\d{2,4})(?:,?[ \t]+" + _TIME + rb"(?:[ \t]*" + _ZONE + rb")?)?"
    ),
    # Thu Aug 22 18:26:25 [EDT] 2002, August 22, 2002 18:26
    re.compile(
        rb"(?:[A-Za-z]++[,.]?[ \t]++)?(?P<month>[A-Za-z]{3})[A-Za-z.]*+[ \t]+(?P<day>\d{1,2}),?[ \t]+"
        rb"(?:"
        + _TIME
        + rb"[ \t]+(?:"
        + _ZONE
        + rb"[ \t]+)?(?P<year>\d{4})|(?P<year2>\d{4})(?:,?[ \t]+(?P<rest>.*))?)",
        re.DOTALL,
    ),
    # 2002-08-22T18:26:25Z
    re.compile(
        rb"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:[T \t]+"
        + _TIME
        + rb"(?:[ \t]*"
        + _ZONE
        + rb")?)?"
    ),
)
# The form that nearly all dates have: the first of these, without what is optional in it.
_USUAL = re.compile(
    rb"(?:[A-Za-z]{3}, *+)?(\d\d?) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d{4})(?: *+\([^()]*+\))?"
)
_CLOCK = re.compile(_TIME + rb"(?:[ \t]*" + _ZONE + rb")?")
_COMMENT = re.compile(rb"\([^()]*+\)")


def sent(value: bytes) -> tuple[int, int] | None:
    """(UTC seconds, the value's own calendar day counted from 1970-01-01); None when it is no date.

    RFC 5256 2.2: an invalid zone counts as UTC, an invalid time as 00:00:00.
    """
    usual = _USUAL.fullmatch(value, 0, 200)
    if usual is not None:
        day, month, year, hour, minute, second, zone = usual.groups()
        at = _seconds(hour, minute, second, zone)
        number = _day(year, month, day)
        return None if number is None else (number * 86_400 + at, number)
    value = value[:200]
    if b"(" in value:
        value = _COMMENT.sub(b" ", value)
    value = value.strip()
    for form in _FORMS:
        match = form.match(value)
        if match is not None:
            return _instant(match.groupdict())
    return None


def _instant(found: dict[str, bytes | None]) -> tuple[int, int] | None:
    rest = found.get("rest")
    if rest and (clock := _CLOCK.match(rest)):
        found = {**found, **clock.groupdict()}
    day = _day(found["year"] or found.get("year2") or b"", found["month"] or b"", found["day"] or b"")
    if day is None:
        return None
    at = _seconds(found["hour"] or b"0", found["minute"] or b"0", found["second"] or b"0", found["zone"])
    return day * 86_400 + at, day


def _seconds(hours: bytes, minutes: bytes, seconds: bytes, zone: bytes | None) -> int:
    """From the beginning of the day to this time, where it is in UTC."""
    hour, minute, second = int(hours), int(minutes), int(seconds)
    if hour > 23 or minute > 59 or second > 60:
        hour = minute = second = 0
    return hour * 3_600 + (minute - _offset(zone)) * 60 + second


@lru_cache(maxsize=MEMO_ENTRIES)
def _day(year: bytes, month: bytes, day: bytes) -> int | None:
    """A calendar day, counted from 1970-01-01."""
    number = int(month) if month.isdigit() else _MONTHS.get(month.lower(), 0)
    try:
        return date(_year(year), number, int(day or b"0")).toordinal() - _EPOCH
    except ValueError:
        return None


def _year(digits: bytes) -> int:
    """RFC 5322 4.3: two digits below 50 are 20xx, other two and three digits count from 1900."""
    year = int(digits)
    if len(digits) >= 4:
        if year < 1900:  # RFC 5322 3.3: there are none
            raise ValueError(year)
        return year
    return year + 2000 if len(digits) == 2 and year < 50 else year + 1900


@lru_cache(maxsize=MEMO_ENTRIES)
def _offset(zone: bytes | None) -> int:
    """Minutes east of UTC."""
    if not zone:
        return 0
    if zone[:1] in b"+-":
        digits = zone[1:].replace(b":", b"")
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        return -minutes if zone[:1] == b"-" else minutes
    return _ZONES.get(zone.lower(), 0)
