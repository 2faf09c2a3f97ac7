"""Counting who guesses, as arithmetic."""

from ipaddress import ip_network

import pytest

from pillarbox.identity import abuse
from pillarbox.identity.abuse import Ledger, Note, Rules, spelled

RULES = Rules(
    delay_after=2, longest_delay=4.0, ban_after=5, window=500.0, ban=100.0, longest_ban=300.0, codes=3
)
HERE, THERE, KIM, TIM = "192.0.2.1", "198.51.100.7", "kim@example.test", "tim@example.test"


def fail(ledger: Ledger, network: str, name: str, times: int, now: float) -> None:
    for _ in range(times):
        ledger.take(Note("failed", network, name), now)


def test_each_failure_makes_the_next_guess_wait_longer() -> None:
    ledger = Ledger(RULES)
    delays = []
    for _ in range(5):
        delays.append(ledger.delay(HERE, KIM, 1000.0))
        fail(ledger, HERE, KIM, 1, 1000.0)
    assert delays == [0.0, 0.0, 0.5, 1.0, 2.0]
    assert ledger.delay(THERE, TIM, 1000.0) == 0.0


def test_no_delay_is_longer_than_the_longest() -> None:
    ledger = Ledger(RULES)
    for number in range(30):
        fail(ledger, f"192.0.2.{number}", KIM, 1, 1000.0)
    assert ledger.delay(THERE, KIM, 1000.0) == 4.0


def test_time_forgives() -> None:
    ledger = Ledger(RULES)
    fail(ledger, HERE, KIM, 4, 1000.0)
    assert ledger.delay(HERE, KIM, 1000.0) == 2.0
    assert ledger.delay(HERE, KIM, 1350.0) == 0.0


def test_a_network_that_goes_on_is_shut_out_and_longer_each_time() -> None:
    ledger, now, lengths = Ledger(RULES), 1000.0, []
    for _ in range(4):
        fail(ledger, HERE, TIM, 5, now)
        assert ledger.is_banned(HERE, KIM, now)
        (ban,) = ledger.bans(now)
        assert ban.reason == "5 failed logins"
        lengths.append(ban.until - now)
        assert not ledger.is_banned(THERE, KIM, now)
        now = ban.until
        assert not ledger.is_banned(HERE, KIM, now)
    assert lengths == [100.0, 200.0, 300.0, 300.0]


def test_strangers_lock_nobody_out() -> None:
    ledger = Ledger(RULES)
    for number in range(100):
        fail(ledger, f"192.0.2.{number}", KIM, 10, 1000.0)
    assert not ledger.is_banned(THERE, KIM, 1000.0)


def test_who_is_known_from_a_network_is_let_in_when_it_is_shut() -> None:
    ledger = Ledger(RULES)
    ledger.take(Note("came", HERE, KIM), 900.0)
    fail(ledger, HERE, TIM, 9, 1000.0)
    assert ledger.is_banned(HERE, TIM, 1000.0)
    assert not ledger.is_banned(HERE, KIM, 1000.0)
    assert ledger.delay(HERE, KIM, 1000.0) == 0.0
    # Whoever guesses at that name from there has few tries.
    fail(ledger, HERE, KIM, abuse.PAIR_FAILURES, 1001.0)
    assert ledger.is_banned(HERE, KIM, 1001.0)
    # And after some weeks it is not known any more.
    fail(ledger, HERE, TIM, 9, 1000.0 + abuse.FAMILIAR)
    assert ledger.is_banned(HERE, KIM, 1000.0 + abuse.FAMILIAR)


def test_coming_in_again_is_no_news() -> None:
    ledger = Ledger(RULES)
    assert ledger.take(Note("came", HERE, KIM), 1000.0)
    assert not ledger.take(Note("came", HERE, KIM), 1001.0)
    assert ledger.take(Note("came", HERE, KIM), 1001.0 + abuse.NOTED)


def test_wrong_codes_close_the_account_to_codes_alone() -> None:
    ledger = Ledger(RULES)
    for number in range(3):
        assert ledger.takes_codes(KIM, 1000.0)
        ledger.take(Note("code", f"192.0.2.{number}", KIM), 1000.0)
    assert not ledger.takes_codes(KIM, 1000.0)
    assert ledger.takes_codes(TIM, 1000.0)
    assert not ledger.is_banned(HERE, KIM, 1000.0)
    assert ledger.takes_codes(KIM, 1501.0)


@pytest.mark.parametrize("network", ["127.0.0.1", "::/64", ""])
def test_what_is_exempt_is_never_counted(network: str) -> None:
    exempt = (ip_network("127.0.0.0/8"), ip_network("::1"))
    ledger = Ledger(Rules(ban_after=1, exempt=exempt))
    fail(ledger, network, KIM, 50, 1000.0)
    assert not ledger.is_banned(network, KIM, 1000.0)
    assert ledger.delay(network, KIM, 1000.0) == 0.0
    fail(ledger, HERE, KIM, 1, 1000.0)
    assert ledger.is_banned(HERE, KIM, 1000.0)


@pytest.mark.parametrize(
    "text, known",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.9/24", "192.0.2.0/24"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_how_networks_are_spelled(text: str, known: str) -> None:
    assert spelled(text) == known


def test_a_large_network_is_shut_out_whole_and_let_in_again() -> None:
    ledger = Ledger(RULES)
    ledger.ban("192.0.2.0/24", 1000.0, 60.0)
    assert ledger.is_banned("192.0.2.200", KIM, 1000.0)
    assert not ledger.is_banned("192.0.3.1", KIM, 1000.0)
    assert [each.key for each in ledger.bans(1000.0)] == ["192.0.2.0/24"]
    ledger.lift("192.0.2.0/24", 1001.0)
    assert not ledger.is_banned("192.0.2.200", KIM, 1001.0)


def test_another_ledger_that_is_told_knows_the_same() -> None:
    truth, other = Ledger(RULES), Ledger(RULES)
    for _ in range(5):
        other.put(truth.take(Note("failed", HERE, KIM), 1000.0))
    assert other.is_banned(HERE, TIM, 1000.0)
    assert set(other) == set(truth)


def test_ten_thousand_networks_push_no_ban_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abuse, "MAX_TALLIES", 100)
    ledger = Ledger(RULES)
    fail(ledger, HERE, KIM, 5, 1000.0)
    for number in range(10_000):
        fail(ledger, f"10.0.{number // 256}.{number % 256}", TIM, 1, 1000.0)
    assert ledger.is_banned(HERE, KIM, 1000.0)
    assert len(list(ledger)) < 210
