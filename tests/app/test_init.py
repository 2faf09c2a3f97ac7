"""`pillarbox init` and `pillarbox domain records`: what is set up, and what is to be published."""

from pathlib import Path
from typing import Any

import dns.rdatatype
import dns.zone
import pytest

from pillarbox.app.config import Listen, Proxy, load, parse
from pillarbox.app.publishing.records import Record, Topic, records
from pillarbox.app.publishing.setup import Setup, ports, setup
from pillarbox.app.publishing.zone import fragment
from pillarbox.app.wiring import existing
from pillarbox.filter.dns import Kind
from pillarbox.identity.passwords import verify
from tests.app.conftest import Run

ADDRESSES = ("--address", "192.0.2.7", "--address", "2001:db8::7")


def texts(value: Any) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for each in value["records"]:
        found.setdefault((each["name"], each["kind"]), []).append(each["value"])
    return found


def test_a_server_is_set_up_for_a_domain(run: Run, tmp_path: Path) -> None:
    made = run("init", "--domain", "example.org", "--json").value
    assert made["configuration"]["written"]
    config = load()
    assert config.hostname == "mail.example.org"
    assert config.data_folder == tmp_path / "var"
    assert dict(config.listen.each()).keys() == {"smtp", "submission", "submissions", "imaps", "pop3s"}
    assert config.auth.cleartext == "never"
    assert [each["domain"] for each in run("domain", "list", "--json").value] == ["example.org"]
    assert made["account"]["address"] == "postmaster@example.org"
    [abuse] = run("alias", "list", "--json").value
    assert (abuse["alias"], abuse["targets"]) == ("abuse@example.org", ["postmaster@example.org"])
    assert run("deliver", "abuse@example.org", stdin=b"Subject: spam\n\n").code == 0
    [deed] = run("audit", "--json").value
    assert deed["detail"].startswith("init --domain example.org, by ")


def test_the_password_that_is_printed_opens_the_account(run: Run) -> None:
    said = run("init", "--domain", "example.org").out
    password = said.partition("Password: ")[2].split()[0]
    with existing(load()) as directory:
        stored = directory.credential("postmaster@example.org")
    assert stored is not None
    assert verify(stored.password_hash, password)
    assert "Publish these records" in said
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in said


def test_nothing_is_written_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pillarbox.toml").write_text('hostname = "mx.example.net"\n')
    said = run("init", "--domain", "example.org")
    assert said.code == 0
    assert "is there already and stays as it is" in said.out
    assert '  hostname = "mail.example.org"' in said.out
    assert (tmp_path / "pillarbox.toml").read_text() == 'hostname = "mx.example.net"\n'
    assert "example.org. MX 10 mx.example.net." in said.out  # the records are of the server there is
    again = run("init", "--domain", "example.org", "--json").value
    assert again["account"] is None
    assert not again["configuration"]["written"]
    assert len(run("alias", "list", "--json").value) == 1
    other = run("init", "--domain", "example.org", "--hostname", "mail.example.org")
    assert other.code == 1
    assert "this server is mx.example.net; nothing was changed" in other.err


def test_a_second_domain_has_its_postmaster_too(run: Run) -> None:
    run("init", "--domain", "example.org")
    run("init", "--domain", "example.net")
    for address in ("postmaster@example.net", "abuse@example.net"):
        assert run("deliver", address, stdin=b"Subject: hello\n\n").code == 0
    shown = run("account", "show", "postmaster@example.org", "--json").value
    assert shown["mailboxes"][0]["messages"] == 2


def test_every_record_there_is(run: Run) -> None:
    made = run("init", "--domain", "example.org", *ADDRESSES, "--json").value
    found = texts(made)
    assert found["example.org", "MX"] == ["10 mail.example.org."]
    assert found["mail.example.org", "A"] == ["192.0.2.7"]
    assert found["mail.example.org", "AAAA"] == ["2001:db8::7"]
    assert found["7.2.0.192.in-addr.arpa", "PTR"] == ["mail.example.org."]
    assert found["example.org", "TXT"] == ["v=spf1 mx -all"]
    assert found["mail.example.org", "TXT"] == ["v=spf1 a -all"]
    keys = [value for (name, _), [value, *_] in found.items() if name.endswith("._domainkey.example.org")]
    assert sorted(key[:17] for key in keys) == ["v=DKIM1; k=ed2551", "v=DKIM1; k=rsa; p"]
    assert found["_dmarc.example.org", "TXT"][0].startswith("v=DMARC1; p=none; rua=mailto:")
    assert found["_smtp._tls.example.org", "TXT"] == ["v=TLSRPTv1; rua=mailto:postmaster@example.org"]
    assert found["_imaps._tcp.example.org", "SRV"] == ["0 1 993 mail.example.org."]
    assert found["_submissions._tcp.example.org", "SRV"] == ["0 1 465 mail.example.org."]
    assert found["_submission._tcp.example.org", "SRV"] == ["0 1 587 mail.example.org."]
    assert found["_pop3s._tcp.example.org", "SRV"] == ["0 1 995 mail.example.org."]
    assert found["_imap._tcp.example.org", "SRV"] == ["0 0 0 ."]  # RFC 6186 3.4: it is off
    assert found["autoconfig.example.org", "CNAME"] == ["mail.example.org."]
    assert found["autodiscover.example.org", "CNAME"] == ["mail.example.org."]
    assert made["mta_sts"]["url"] == "https://mta-sts.example.org/.well-known/mta-sts.txt"
    assert "mx: mail.example.org\r\n" in made["mta_sts"]["text"]
    again = run("domain", "records", "example.org", *ADDRESSES, "--json").value
    assert again["records"] == made["records"]


def test_the_fragment_is_a_zone_file(run: Run) -> None:
    run("init", "--domain", "example.org")
    text = run("domain", "records", "example.org", *ADDRESSES, "--zone").out
    zone = dns.zone.from_text(text, "example.org", relativize=False, check_origin=False)
    wanted = [
        each
        for each in run("domain", "records", "example.org", *ADDRESSES, "--json").value["records"]
        if each["name"].endswith("example.org")
    ]
    assert sum(len(rrset) for _, rrset in zone.iterate_rdatasets()) == len(wanted)
    for each in wanted:
        found = zone.find_rdataset(f"{each['name']}.", dns.rdatatype.from_text(each["kind"]))
        values = [
            b"".join(record.strings).decode() if each["kind"] == "TXT" else record.to_text()
            for record in found
        ]
        assert each["value"] in values
    assert "; in another zone: 7.2.0.192.in-addr.arpa. IN PTR mail.example.org." in text


def test_a_long_key_is_several_strings() -> None:
    key = "v=DKIM1; k=rsa; p=" + "A" * 392
    made = Setup("example.org", "mail.example.org", {}, keys=(("s1", key),))
    assert Record(Topic.DKIM, "s1._domainkey.example.org", Kind.TXT, key) in records(made)
    text = fragment(made.domain, records(made))
    zone = dns.zone.from_text(text, "example.org", relativize=False, check_origin=False)
    [record] = zone.find_rdataset("s1._domainkey.example.org.", "TXT")
    assert [len(string) for string in record.strings] == [255, len(key) - 255]
    assert b"".join(record.strings).decode() == key
    assert "; mail.example.org. IN A the public address of this machine" in text


def test_names_are_written_as_the_dns_has_them(run: Run) -> None:
    made = run("init", "--domain", "bücher.example", "--json").value
    assert made["domain"] == "xn--bcher-kva.example"
    assert made["hostname"] == "mail.xn--bcher-kva.example"
    assert [each["domain"] for each in run("domain", "list", "--json").value] == ["bücher.example"]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("--domain", "example"), "example is no full name in the DNS"),
        (("--domain", "example.org", "--hostname", "mail"), "mail is no full name in the DNS"),
        (("--domain", "example.org", "--address", "here"), "here is no address"),
    ],
)
def test_what_cannot_be_set_up(run: Run, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    ran = run("init", *arguments)
    assert ran.code == 1
    assert sentence in ran.err
    assert list(tmp_path.iterdir()) == []


def test_records_are_of_a_domain_of_ours(run: Run) -> None:
    run("init", "--domain", "example.org")
    ran = run("domain", "records", "example.net")
    assert ran.code == 1
    assert ran.err == "pillarbox: There is no domain example.net; `domain add` makes it\n"


def test_what_listens_on_loopback_is_off_but_behind_a_proxy() -> None:
    config = parse('hostname = "mail.example.org"')
    assert setup(config, "example.org").ports == {}
    listen = Listen(imaps=("127.0.0.1:1993", "192.0.2.7:993"), submission="[::]:2587", pop3s="unix:x")
    made = type(config)(listen=listen)
    assert ports(made) == {"imaps": 993, "submission": 2587}
    behind = type(config)(listen=Listen(imaps="127.0.0.1:1993"), proxy=Proxy(("127.0.0.1",)))
    assert ports(behind) == {"imaps": 993}


@pytest.mark.parametrize(
    "more, said",
    [
        ("", "listen.https (or another web server) is to serve at https://mta-sts.example.org/"),
        ('[listen]\nhttps = "127.0.0.1:443"\n', "(or another web server) is to serve"),
        ('[listen]\nhttps = "0.0.0.0:8443"\n', "(or another web server) is to serve"),
        (
            '[listen]\nhttps = ["127.0.0.1:1443", "0.0.0.0:443"]\n',
            "which this server serves at https://mta-sts.",
        ),
        (
            '[listen]\nhttps = "127.0.0.1:1443"\n[proxy]\nnetworks = ["127.0.0.1"]\nprotocols = ["https"]\n',
            "which this server serves at https://mta-sts.",
        ),
        ('[web]\nmta_sts = "enforce"\n', "  mode: enforce"),
    ],
)
def test_who_serves_the_policy_is_said(run: Run, tmp_path: Path, more: str, said: str) -> None:
    (tmp_path / "pillarbox.toml").write_text(f'hostname = "mail.example.org"\ndata = "var"\n{more}')
    assert said in run("init", "--domain", "example.org").out
    shown = run("domain", "records", "example.org").out
    assert said in shown
    before = run("domain", "records", "example.org", "--json").value
    assert before["mta_sts"]["text"].splitlines()[1].strip() in shown


def test_another_mode_is_another_id(run: Run, tmp_path: Path) -> None:
    run("init", "--domain", "example.org")
    testing = texts(run("domain", "records", "example.org", "--json").value)["_mta-sts.example.org", "TXT"]
    with (tmp_path / "pillarbox.toml").open("a") as file:
        file.write('[web]\nmta_sts = "enforce"\n')
    enforced = texts(run("domain", "records", "example.org", "--json").value)["_mta-sts.example.org", "TXT"]
    assert testing != enforced
