"""How much a network does in an hour, as arithmetic."""

from pillarbox.identity.rates import HOUR, MAX_COUNTS, Count, Did, Meter, Rates

ONE = Did("messages", "192.0.2.1")


def test_so_many_an_hour_and_no_more() -> None:
    meter = Meter(Rates(messages=3))
    for _ in range(3):
        assert not meter.is_over("messages", "192.0.2.1", 0.0)
        meter.take(ONE, 0.0)
    assert meter.is_over("messages", "192.0.2.1", 0.0)
    assert not meter.is_over("messages", "192.0.2.2", 0.0)
    assert not meter.is_over("recipients", "192.0.2.1", 0.0)
    assert meter.is_over("messages", "192.0.2.1", HOUR / 3 - 1)
    assert not meter.is_over("messages", "192.0.2.1", HOUR / 3)  # room for one again


def test_without_a_limit_nobody_counts() -> None:
    meter = Meter()
    assert meter.take(ONE, 0.0) is None
    assert not meter.is_over("messages", "192.0.2.1", 0.0)


def test_what_another_meter_knows_counts() -> None:
    meter = Meter(Rates(messages=3))
    meter.put([Count("messages", "192.0.2.1", 3.0, 0.0)])
    assert meter.is_over("messages", "192.0.2.1", 0.0)


def test_memory_is_bounded() -> None:
    meter = Meter(Rates(messages=1))
    for number in range(MAX_COUNTS + 10):
        meter.take(Did("messages", str(number)), 0.0)
    assert not meter.is_over("messages", "0", 0.0)
    assert meter.is_over("messages", str(MAX_COUNTS), 0.0)
