"""What a domain publishes by HTTPS, as other mail servers, Thunderbird and Outlook ask for it."""

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import httpx
import msgspec
import pytest

from pillarbox.app.config import Config, Proxy, Tls
from pillarbox.app.entering import Tokens, Web
from pillarbox.app.publishing import policy, words
from pillarbox.app.publishing.fetch import fetched
from pillarbox.app.publishing.services import Fetched
from pillarbox.app.publishing.setup import setup
from pillarbox.net.tls import write_self_signed
from pillarbox.testing.server import MailServer
from pillarbox.web.published import NotARequest, Published, client_config, discovered, requested
from tests.web.browser import KIM, PASSWORD, Browser
from tests.web.conftest import CONFIG

HOST = "mail.example.test"
POLICY, DISCOVER = "/.well-known/mta-sts.txt", "/autodiscover/autodiscover.xml"
CONFIGS = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
SETTINGS = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
# The proxy in front makes the ports those of the standard, which the world knows.
WORLD = msgspec.structs.replace(
    CONFIG,
    hostname=HOST,
    proxy=Proxy(networks=("192.0.2.1/32",), protocols=("imaps", "pop3s", "submissions", "submission")),
    listen=msgspec.structs.replace(
        CONFIG.listen,
        imap="127.0.0.1:0",
        imaps="127.0.0.1:0",
        pop3s="127.0.0.1:0",
        submission="127.0.0.1:0",
        submissions="127.0.0.1:0",
    ),
)


@pytest.fixture(scope="module")
def world() -> Iterator[MailServer]:
    with MailServer(WORLD) as running:
        running.add_account(KIM, PASSWORD)
        yield running
        running.check()


def ask(
    server: MailServer, host: str, path: str, *, tls: bool = True, body: bytes | None = None
) -> httpx.Response:
    with Browser(server, tls=tls) as browser:
        method = "GET" if body is None else "POST"
        return browser.http.request(method, path, headers={b"host": host.encode("latin-1")}, content=body)


def post(address: str, schema: str = SETTINGS) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><Autodiscover '
        'xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
        f"<EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>{schema}</AcceptableResponseSchema>"
        "</Request></Autodiscover>"
    ).encode()


@pytest.mark.parametrize(
    "host", ["mta-sts.example.test", "MTA-STS.example.test.", "mta-sts.example.test:8443"]
)
def test_the_policy_is_the_one_that_is_printed(world: MailServer, host: str) -> None:
    answer = ask(world, host, POLICY)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == words.plain_policy(setup(WORLD, "example.test"))["text"]
    assert f"mx: {HOST}\r\n" in answer.text and "mode: testing\r\n" in answer.text


def test_others_and_domain_check_find_the_policy_by_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    write_self_signed(certificate, key, "mta-sts.example.test", datetime.now(UTC))
    tls = Tls(str(certificate), str(key))
    with MailServer(msgspec.structs.replace(WORLD, tls=tls)) as running:
        running.add_account(KIM, PASSWORD)
        context = ssl.create_default_context(cafile=certificate)
        place = (running.host, running.https_port)
        found = asyncio.run(fetched("example.test", address=place, context=context))
    assert found == Fetched(words.plain_policy(setup(WORLD, "example.test"))["text"])
    assert policy.covers(policy.parse(found.text), HOST)


@pytest.mark.parametrize("mode", ["enforce", "none"])
def test_the_policy_s_mode_is_configured(mode: str) -> None:
    config = msgspec.convert({"hostname": HOST, "web": {"mta_sts": mode}}, Config)
    with MailServer(msgspec.structs.replace(WORLD, web=config.web)) as running:
        running.add_account(KIM, PASSWORD)
        told = ask(running, "mta-sts.example.test", POLICY).text
    assert f"mode: {mode}\r\n" in told
    assert told == words.plain_policy(setup(config, "example.test"))["text"]


@pytest.mark.parametrize(
    "host",
    ["mta-sts.other.test", "example.test", "mta-sts.sub.example.test", HOST, "mta-sts.", "x" * 300, "ä"],
)
def test_no_policy_for_what_is_not_ours(world: MailServer, host: str) -> None:
    assert ask(world, host, POLICY).status_code == 404


@pytest.mark.parametrize("path", CONFIGS)
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("host", ["autoconfig.example.test", "example.test"])
def test_thunderbird_finds_every_service(world: MailServer, path: str, tls: bool, host: str) -> None:
    answer = ask(world, host, f"{path}?emailaddress=kim%40example.test", tls=tls)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    provider = ElementTree.fromstring(answer.text).find("emailProvider")
    assert provider is not None and provider.get("id") == provider.findtext("domain") == "example.test"
    assert places(provider) == [
        ("imap", HOST, "993", "SSL"),  # not `imap`, which only this machine reaches
        ("pop3", HOST, "995", "SSL"),
        ("smtp", HOST, "465", "SSL"),
        ("smtp", HOST, "587", "STARTTLS"),
    ]
    for each in (*provider.iter("incomingServer"), *provider.iter("outgoingServer")):
        assert each.findtext("username") == "%EMAILADDRESS%"
        assert [one.text for one in each.iter("authentication")] == ["password-cleartext", "OAuth2"]
    tokens = ElementTree.fromstring(answer.text).find("oAuth2")
    assert tokens is not None
    metadata = ask(world, HOST, "/.well-known/oauth-authorization-server").json()
    assert tokens.findtext("authURL") == metadata["authorization_endpoint"]
    assert tokens.findtext("tokenURL") == metadata["token_endpoint"]
    assert tokens.findtext("scope") == " ".join(metadata["scopes_supported"])


def places(provider: Element) -> list[tuple[str | None, ...]]:
    return [
        (each.get("type"), *(each.findtext(name) for name in ("hostname", "port", "socketType")))
        for each in provider
        if each.tag.endswith("Server")
    ]


def test_nobody_learns_who_has_an_address(world: MailServer) -> None:
    host = "autoconfig.example.test"
    known, unknown = (
        ask(world, host, f"{CONFIGS[0]}?emailaddress={name}%40example.test") for name in ("kim", "nobody")
    )
    assert known.content == unknown.content
    known, unknown = (
        ask(world, "autodiscover.example.test", DISCOVER, body=post(f"{name}@example.test"))
        for name in ("kim", "eve")
    )
    assert known.content.replace(b"kim@", b"eve@") == unknown.content
    for path in CONFIGS:
        assert ask(world, "autoconfig.other.test", path).status_code == 404


@pytest.mark.parametrize("path", [DISCOVER, "/Autodiscover/Autodiscover.xml"])
@pytest.mark.parametrize("host", ["autodiscover.example.test", "example.test", HOST])
def test_outlook_finds_every_service(world: MailServer, path: str, host: str) -> None:
    answer = ask(world, host, path, body=post(KIM))
    assert answer.status_code == 200
    space = {"s": SETTINGS}
    account = ElementTree.fromstring(answer.text).find("s:Response/s:Account", space)
    assert account is not None
    assert account.findtext("s:AccountType", "", space) == "email"
    assert account.findtext("s:Action", "", space) == "settings"
    names = ("Type", "Server", "Port", "LoginName", "SSL", "Encryption", "AuthRequired")
    assert [
        tuple(each.findtext(f"s:{name}", "", space) for name in names)
        for each in account.iterfind("s:Protocol", space)
    ] == [
        ("IMAP", HOST, "993", KIM, "on", "SSL", "on"),
        ("POP3", HOST, "995", KIM, "on", "SSL", "on"),
        ("SMTP", HOST, "465", KIM, "on", "SSL", "on"),
    ]


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "kim@example.test"><!ENTITY b "&a;&a;&a;">]>' + post("&b;").partition(b"?>")[2]
)


@pytest.mark.parametrize(
    "host, body, status",
    [
        ("autodiscover.other.test", post(KIM), 404),
        ("autodiscover.example.test", post("kim@other.test"), 404),
        ("autodiscover.example.test", post(KIM, "http://schemas.microsoft.com/mobilesync/2006"), 400),
        ("autodiscover.example.test", post("kim"), 400),
        ("autodiscover.example.test", post("&#x41;&unknown;"), 400),
        ("autodiscover.example.test", BOMB, 400),
        ("autodiscover.example.test", b"", 400),
        ("autodiscover.example.test", b"{}", 400),
        ("autodiscover.example.test", post(KIM + "</EMailAddress><EMailAddress>" + KIM), 400),
        ("autodiscover.example.test", post(KIM) + b" " * 8192, 413),
    ],
)
def test_what_outlook_would_not_ask(world: MailServer, host: str, body: bytes, status: int) -> None:
    assert ask(world, host, DISCOVER, body=body).status_code == status
    assert ask(world, "autodiscover.example.test", DISCOVER).status_code == 405


def test_what_is_on_this_machine_only_is_not_published(server: MailServer) -> None:
    assert ask(server, "autoconfig.example.test", CONFIGS[0]).status_code == 404
    assert ask(server, "autodiscover.example.test", DISCOVER, body=post(KIM)).status_code == 404
    assert ask(server, "mta-sts.example.test", POLICY).status_code == 404  # to localhost nobody brings mail


def test_a_domain_that_only_tokens_open_says_so() -> None:
    partners = Tokens(domains=("example.test",), issuers=("https://id.example.test",))
    config = msgspec.structs.replace(WORLD, directory={"partners": partners}, web=Web())
    with MailServer(config) as running:
        told = ask(running, "autoconfig.example.test", CONFIGS[0])
    root = ElementTree.fromstring(told.text)
    assert {each.text for each in root.iter("authentication")} == {"OAuth2"}
    assert root.find("oAuth2") is None  # the tokens are of somebody else


def test_without_tokens_there_is_a_password() -> None:
    told = client_config(Published(HOST, {"imap": 143}, ""), "example.test")
    assert told is not None
    root = ElementTree.fromstring(told)
    assert [each.text for each in root.iter("authentication")] == ["password-cleartext"]
    assert [each.text for each in root.iter("socketType")] == ["STARTTLS"]
    assert root.find("oAuth2") is None


def test_where_tls_comes_by_starttls_outlook_is_told() -> None:
    told = discovered(Published(HOST, {"submission": 587}, ""), "a&b@example.test").decode()
    assert "<SSL>off</SSL><Encryption>TLS</Encryption>" in told
    assert "<LoginName>a&amp;b@example.test</LoginName>" in told


def test_a_request_is_read_strictly() -> None:
    assert requested(post(" kim@bücher.example ")) == "kim@bücher.example"
    with pytest.raises(NotARequest, match="document type"):
        requested(BOMB)
