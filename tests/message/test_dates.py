"""Dates as RFC 5322 has them, as it once had them, and as they come."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.dates import sent


def instant(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


def day(*when: int) -> int:
    return (date(*when) - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("value", "at", "on"),
    [
        ("Wed, 21 Aug 2002 20:31:57 -0100", (2002, 8, 21, 21, 31, 57), (2002, 8, 21)),
        ("Wed, 21 Aug 2002 20:31 +0000", (2002, 8, 21, 20, 31), (2002, 8, 21)),
        ("1 Jan 2001 00:30:00 +0200", (2000, 12, 31, 22, 30), (2001, 1, 1)),
        ("1 Jan 2001 00:30:00 +02:00", (2000, 12, 31, 22, 30), (2001, 1, 1)),
        ("Thu, 31 Dec 1998 23:59:60 +0000", (1999, 1, 1), (1998, 12, 31)),
        ("Wed, 21 Aug 2002 20:31:57 -1600", (2002, 8, 22, 12, 31, 57), (2002, 8, 21)),
        # RFC 5322 4.3
        ("21 Aug 02 20:31:57 GMT", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("21 Aug 97 20:31:57 EST", (1997, 8, 22, 1, 31, 57), (1997, 8, 21)),
        ("21 Aug 0102 20:31:57 PDT", None, None),
        ("21 Aug 102 20:31:57 PDT", (2002, 8, 22, 3, 31, 57), (2002, 8, 21)),
        ("21 Aug 2002 20:31:57 X", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("Wed (a day), 21 Aug (month) 2002 20:31:57 +0000 (UTC)", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("  wed ,21 AUG  2002   20 : 31 : 57+0000", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("wed,21 AUG  2002   20:31:57+0000", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        # as they come
        ("21 August 2002 20:31:57 +0000", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("21-Aug-2002 20:31:57 +0000", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("21 Aug 2002", (2002, 8, 21), (2002, 8, 21)),
        ("Wed, 21 Aug 2002 20.31.57 +0000", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("Wed, 21 Aug 2002 20:31:57.123 +0000", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("Wed Aug 21 20:31:57 2002", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("Wed Aug 21 20:31:57 EDT 2002", (2002, 8, 22, 0, 31, 57), (2002, 8, 21)),
        ("August 21, 2002 20:31", (2002, 8, 21, 20, 31), (2002, 8, 21)),
        ("2002-08-21T20:31:57Z", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("2002-08-21 20:31:57 +0100", (2002, 8, 21, 19, 31, 57), (2002, 8, 21)),
        # RFC 5256 2.2: an invalid time is midnight, an invalid zone UTC.
        ("21 Aug 2002 25:31:57 +0000", (2002, 8, 21), (2002, 8, 21)),
        ("21 Aug 2002 20:31:57 mine", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        ("21 Aug 2002 20:31:57 +1", (2002, 8, 21, 20, 31, 57), (2002, 8, 21)),
        # no date
        ("", None, None),
        ("yesterday", None, None),
        ("31 Feb 2002 20:31:57 +0000", None, None),
        ("21 Foo 2002 20:31:57 +0000", None, None),
        ("0 Aug 2002 20:31:57 +0000", None, None),
        ("2002-13-01", None, None),
    ],
)
def test_dates(value: str, at: tuple[int, ...] | None, on: tuple[int, ...] | None) -> None:
    assert sent(value.encode()) == (None if at is None or on is None else (instant(*at), day(*on)))


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(-12 * 60, 14 * 60), st.booleans()
)
def test_what_the_rfc_writes_is_read(when: datetime, zone: int, named: bool) -> None:
    when = when.replace(microsecond=0)
    sign, minutes = ("-", -zone) if zone < 0 else ("+", zone)
    text = f"{when:%d %b %Y %H:%M:%S} {sign}{minutes // 60:02}{minutes % 60:02}"
    text = f"{when:%a}, {text}" if named else text
    utc = when - timedelta(minutes=zone) - datetime(1970, 1, 1)
    assert sent(text.encode()) == (
        utc // timedelta(seconds=1),
        (when.date() - date(1970, 1, 1)).days,
    )


@given(st.binary(max_size=80))
def test_nothing_is_too_odd(value: bytes) -> None:
    found = sent(value)
    assert found is None or isinstance(found[0], int)
