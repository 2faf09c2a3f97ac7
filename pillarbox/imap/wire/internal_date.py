"""date-time spelled fast (RFC 9051 9): a client that lists a mailbox asks for one per message."""

from datetime import date

_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_EPOCH = date(1970, 1, 1).toordinal()
_MINUTES = [b"%02d:%02d:" % divmod(minute, 60) for minute in range(24 * 60)]
_SECONDS = [b"%02d" % second for second in range(60)]
_KEPT_DAYS = 20_000  # some fifty years; a store that holds more different days starts over


class _Days(dict[int, bytes]):
    """Days since 1970 -> `"dd-Mon-yyyy `, made when first asked for."""

    def __missing__(self, day: int) -> bytes:
        if len(self) >= _KEPT_DAYS:
            self.clear()
        # Dates outside the calendar cannot come from a client; a corrupt row is no reason to fail a FETCH.
        that = date.fromordinal(min(max(day + _EPOCH, 1), date.max.toordinal()))
        spelled = b'"%2d-%b-%04d ' % (that.day, _MONTHS[that.month - 1], that.year)
        self[day] = spelled
        return spelled


class _Zones(dict[int, bytes]):
    """Minutes east -> ` +hhmm"`."""

    def __missing__(self, zone: int) -> bytes:
        hours, minutes = divmod(abs(zone), 60)
        spelled = b' %b%02d%02d"' % (b"-" if zone < 0 else b"+", hours % 100, minutes)
        if len(self) < 24 * 60 * 2:
            self[zone] = spelled
        return spelled


_days = _Days()
_zones = _Zones()


def internal_date(at: int, zone: int) -> bytes:
    """`" 7-Feb-1994 21:52:25 -0800"` for seconds since 1970 in UTC and a zone in minutes east."""
    day, second = divmod(at + zone * 60, 86400)
    minute, second = divmod(second, 60)
    return _days[day] + _MINUTES[minute] + _SECONDS[second] + _zones[zone]
