"""`pillarbox domain dkim`: keys for signing, and what is to be published for them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from pillarbox.delivery import published
from pillarbox.delivery.signing.keys import Keys
from tests.app.conftest import Run
from tests.app.dns_server import dns_server, of


def selectors(ran: object) -> list[tuple[str, str]]:
    return [(each["selector"].rpartition("-")[2], each["state"]) for each in ran.value]  # type: ignore[attr-defined]


def test_a_new_domain_has_keys_to_publish(run: Run, tmp_path: Path) -> None:
    run("account", "add", "ann@example.test")
    made = run("domain", "add", "example.org")
    assert "Mail for example.org is taken." in made.out
    lines = [line for line in made.out.splitlines() if " IN TXT " in line]
    assert [line.partition('"v=DKIM1; k=')[2].partition(";")[0] for line in lines] == ["rsa", "ed25519"]
    assert all("._domainkey.example.org. IN TXT" in line for line in lines)
    # A zone file has strings of 255 octets at most.
    assert max(len(part) for line in lines for part in line.split('"')[1::2]) <= 255
    again = run("domain", "add", "example.org", "--json").value
    assert [each["record"]["name"].partition(".")[2] for each in again["dkim"]] == [
        "_domainkey.example.org"
    ] * 2
    assert selectors(run("domain", "dkim", "example.org", "--json")) == [
        ("rsa", "waiting"),
        ("ed25519", "waiting"),
    ]
    # An account's domain has them as soon as somebody asks.
    assert len(run("domain", "dkim", "example.test", "--json").value) == 2


def test_a_rotation(run: Run) -> None:
    run("account", "add", "ann@example.test")
    assert selectors(run("domain", "dkim", "example.test", "rotate", "--now", "--json")) == [
        ("rsa", "signing"),
        ("ed25519", "signing"),
    ]
    rotated = run("domain", "dkim", "example.test", "rotate")
    assert "mail is signed once that is found there" in rotated.out
    assert len([line for line in rotated.out.splitlines() if " IN TXT " in line]) == 2
    listed = run("domain", "dkim", "example.test", "--json").value
    assert [each["state"] for each in listed] == ["signing"] * 2 + ["waiting"] * 2
    run("domain", "dkim", "example.test", "rotate", "--now")
    listed = run("domain", "dkim", "example.test", "--json").value
    assert [each["state"] for each in listed] == ["old"] * 2 + ["signing"] * 2
    assert "stays" in run("domain", "dkim", "example.test").out
    refused = run("domain", "dkim", "example.test", "retire", listed[2]["selector"])
    assert refused.code == 1 and "signs" in refused.err
    gone = run("domain", "dkim", "example.test", "retire", listed[0]["selector"])
    assert gone.out == f"{listed[0]['selector']} is gone; its record may be taken out of the DNS.\n"
    assert run("domain", "dkim", "example.test", "retire").code == 1
    assert run("domain", "dkim", "nobody.test").err == (
        "pillarbox: There is no domain nobody.test; `domain add` makes it\n"
    )


def test_keys_sign_once_they_are_published(run: Run, tmp_path: Path) -> None:
    run("account", "add", "ann@example.test")
    listed = run("domain", "dkim", "example.test", "--json").value
    rsa = listed[0]["record"]
    in_strings = published.zone_line(published.Record(rsa["name"], "TXT", rsa["value"])).partition("TXT ")[2]
    zone = {(rsa["name"], "TXT"): [in_strings]}

    async def scene(play: Callable[[], None]) -> None:
        async with dns_server(of(zone, {})) as address:
            (tmp_path / "pillarbox.toml").write_text(f'dns = ["{address}"]\n')
            await asyncio.to_thread(play)

    def play() -> None:
        checked = run("domain", "dkim", "example.test", "check")
        assert checked.out == (
            f"{listed[0]['selector']} is published and signs from now on.\n"
            f"{listed[1]['selector']} is not in the DNS yet.\n"
        )

    asyncio.run(scene(play))
    keys = Keys(tmp_path / "var")
    assert [selector for selector, _ in keys.signing("example.test")] == [listed[0]["selector"]]


def test_what_a_domain_publishes() -> None:
    policy = published.mta_sts_policy(["mx.example.org", "*.example.net"], "testing", 86400)
    assert policy == (
        "version: STSv1\r\nmode: testing\r\nmx: mx.example.org\r\nmx: *.example.net\r\nmax_age: 86400\r\n"
    )
    sts = published.mta_sts("example.org", policy)
    assert (sts.name, sts.kind) == ("_mta-sts.example.org", "TXT")
    assert sts.value.startswith("v=STSv1; id=") and sts.value.endswith(";")
    assert sts != published.mta_sts("example.org", policy + "mx: x.example.org\r\n")
    assert published.tls_reports("example.org", ["tls@example.org"]) == published.Record(
        "_smtp._tls.example.org", "TXT", "v=TLSRPTv1; rua=mailto:tls@example.org"
    )
