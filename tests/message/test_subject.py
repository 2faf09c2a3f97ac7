"""The base subject (RFC 5256 2.1)."""

import pytest

from pillarbox.message.subject import base_subject


@pytest.mark.parametrize(
    ("subject", "base", "reply"),
    [
        ("", "", False),
        ("x", "x", False),
        ("  two\t words\r\n here ", "two words here", False),
        ("Re: x", "x", True),
        ("RE : x", "x", True),
        ("fwd: x", "x", True),
        ("Fw: x", "x", True),
        ("Fwds: x", "Fwds: x", False),
        ("Re: Re: fwd: x", "x", True),
        ("Re[2]: x", "x", True),
        ("Re [a b] : x", "x", True),
        ("[list] x", "x", False),
        ("[list] Re: [other] x", "x", True),
        ("Re: [list] Fwd: x", "x", True),
        ("[a] [b] [c] x", "x", False),
        ("[a][b]", "[b]", False),
        ("[only]", "[only]", False),
        ("Re: [only]", "[only]", True),
        ("[a] [b] Re:", "", True),
        ("x (fwd)", "x", True),
        ("x (fwd) (FWD) ", "x", True),
        ("(fwd)", "", True),
        ("[fwd: x]", "x", True),
        ("[Fwd: Re: [list] x (fwd)]", "x", True),
        ("[fwd: [fwd: x]]", "x", True),
        ("[fwd: x", "[fwd: x", False),
        ("Re:x", "x", True),
        ("re", "re", False),
        ("Regarding: x", "Regarding: x", False),
        ("[[a] x", "[[a] x", False),
        ("x [tail]", "x [tail]", False),
        ("Ré: x", "Ré: x", False),
    ],
)
def test_base_subject(subject: str, base: str, reply: bool) -> None:
    assert base_subject(subject) == (base, reply)
