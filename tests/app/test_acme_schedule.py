"""When a certificate is ordered: arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.app.acme.files import State
from pillarbox.app.acme.schedule import FIRST_PAUSE, LONGEST_PAUSE, due, failed, issued

DAY = 86_400.0
NAMES, AUTHORITY = ("mail.example.test",), "https://authority.test/dir"


def test_at_once_where_there_is_none() -> None:
    assert due(State(), NAMES, AUTHORITY) == 0


@given(st.floats(0, 1))
def test_when_a_third_of_its_life_is_left_and_never_together(die: float) -> None:
    state = issued(NAMES, AUTHORITY, 0.0, 90 * DAY, 0.0, die)
    assert 57 * DAY - 1 <= due(state, NAMES, AUTHORITY) <= 60 * DAY


def test_at_once_for_other_names_and_another_authority() -> None:
    state = issued(NAMES, AUTHORITY, 0.0, 90 * DAY, 0.0, 0.5)
    assert due(state, ("other.example.test",), AUTHORITY) == 0
    assert due(state, NAMES, "https://other.test/dir") == 0


def test_a_failure_waits_longer_each_time() -> None:
    state, now, pauses = State(), 1000.0, []
    for _ in range(12):
        state = failed(state, "why", now, 0.0)
        assert due(state, NAMES, AUTHORITY) == state.again
        pauses.append(state.again - now)
        now = state.again
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert issued(NAMES, AUTHORITY, now, now + DAY, now, 0.0).failures == 0


def test_a_clock_that_is_wrong_orders_no_more_than_a_failure_would() -> None:
    state = issued(NAMES, AUTHORITY, 0.0, 90 * DAY, 1000 * DAY, 0.5)
    assert due(state, NAMES, AUTHORITY) == 1000 * DAY + FIRST_PAUSE
