"""What a domain of ours publishes by HTTPS: its policy of MTA-STS, and settings for mail clients.

    mta-sts.DOMAIN       GET  /.well-known/mta-sts.txt              RFC 8461 3.3
    autoconfig.DOMAIN    GET  /mail/config-v1.1.xml                 Thunderbird and others
    autodiscover.DOMAIN  POST /autodiscover/autodiscover.xml        Outlook, plain old XML

The name that was asked for says which domain; clients ask DOMAIN itself too. Nothing here is secret, and
nothing is looked up but whether a domain is ours: whoever asks learns of no address whether somebody has it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement
from xml.parsers import expat

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pillarbox.identity.addresses import fold_domain, maybe_address
from pillarbox.web.oauth.metadata import AUTHORIZE, TOKEN

MAX_REQUEST = 8 * 1024  # octets of what Outlook posts, which are some 500

# What a service is called in both, and whether TLS is there from the first octet. The better first.
_IN = (("imaps", "imap", True), ("imap", "imap", False), ("pop3s", "pop3", True), ("pop3", "pop3", False))
_OUT = (("submissions", "smtp", True), ("submission", "smtp", False))

_REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
_ANSWER = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_SETTINGS = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

# Programs do not agree on how it is written.
AUTODISCOVER = (
    "/autodiscover/autodiscover.xml",
    "/Autodiscover/Autodiscover.xml",
    "/AutoDiscover/AutoDiscover.xml",
)


@dataclass(frozen=True, slots=True)
class Published:
    """`host` is where all services are, each at its port in `ports` as the world reaches it. `policy`: of
    MTA-STS, "" where there is none. `issuer`: how the server is called that gives tokens, "" where there is
    none; in `token_domains` only tokens of others open mail."""

    host: str
    ports: Mapping[str, int]
    policy: str
    issuer: str = ""
    token_domains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Service:
    kind: str
    port: int
    tls: bool  # from the first octet; else STARTTLS


class NotARequest(ValueError):
    """What was posted asks for nothing that is here."""


def routes(published: Published, is_ours: Callable[[str], bool]) -> list[Route]:
    """`is_ours`: whether a folded domain is."""

    async def policy(request: Request) -> Response:
        # RFC 8461 3.3: of the Policy Host only. Over HTTP too: whoever ends TLS in front may ask so, and no
        # other server believes what it got without TLS.
        if not published.policy or _domain(request, "mta-sts.", is_ours, itself=False) is None:
            return _nothing()
        return PlainTextResponse(published.policy)

    async def config(request: Request) -> Response:
        domain = _domain(request, "autoconfig.", is_ours)
        answer = client_config(published, domain) if domain is not None else None
        return _nothing() if answer is None else Response(answer, media_type="text/xml")

    async def discover(request: Request) -> Response:
        # A record in the DNS (SRV, _autodiscover._tcp) may lead a client to the host itself.
        asked = host_of(request) == published.host or _domain(request, "autodiscover.", is_ours) is not None
        if not asked or not any(services(published)):
            return _nothing()
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_REQUEST:
                return PlainTextResponse("The request is too large\n", 413)
        try:
            address = requested(body)
        except NotARequest as reason:
            return PlainTextResponse(f"{reason}\n", 400)
        if not is_ours(fold_domain(address.rpartition("@")[2])):
            return _nothing()
        return Response(discovered(published, address), media_type="text/xml")

    return [
        Route("/.well-known/mta-sts.txt", policy, methods=["GET"]),
        Route("/mail/config-v1.1.xml", config, methods=["GET"]),
        Route("/.well-known/autoconfig/mail/config-v1.1.xml", config, methods=["GET"]),
        *(Route(path, discover, methods=["POST"]) for path in AUTODISCOVER),
    ]


def services(published: Published) -> Iterator[Service]:
    for name, kind, tls in (*_IN, *_OUT):
        if name in published.ports:
            yield Service(kind, published.ports[name], tls)


def client_config(published: Published, domain: str) -> bytes | None:
    """The client configuration of Thunderbird, version 1.1; None where no service is reached."""
    found = list(services(published))
    if not found:
        return None
    root = Element("clientConfig", version="1.1")
    provider = SubElement(root, "emailProvider", id=domain)
    for name in ("domain", "displayName", "displayShortName"):
        SubElement(provider, name).text = domain
    for each in found:
        place = "outgoingServer" if each.kind == "smtp" else "incomingServer"
        server = SubElement(provider, place, type=each.kind)
        _add(server, hostname=published.host, port=str(each.port))
        _add(server, socketType="SSL" if each.tls else "STARTTLS")
        for method in _methods(published, domain):
            _add(server, authentication=method)
        _add(server, username="%EMAILADDRESS%")
    if published.issuer and domain not in published.token_domains:
        _add(
            SubElement(root, "oAuth2"),
            issuer=published.host,
            scope="imap pop smtp offline_access",
            authURL=published.issuer + AUTHORIZE,
            tokenURL=published.issuer + TOKEN,
        )
    return _written(root)


def _methods(published: Published, domain: str) -> Iterator[str]:
    """The first that a client knows is taken. Thunderbird knows OAuth2, but not every server of it, and takes
    it all the same where it comes first."""
    if domain in published.token_domains:
        yield "OAuth2"
        return
    yield "password-cleartext"  # inside TLS
    if published.issuer:
        yield "OAuth2"


def discovered(published: Published, address: str) -> bytes:
    """Outlook's Autodiscover answer (MS-OXDSCLI 2.2.4): of each kind one, because it takes no two."""
    root = Element("Autodiscover", xmlns=_ANSWER)
    account = SubElement(SubElement(root, "Response", xmlns=_SETTINGS), "Account")
    _add(account, AccountType="email", Action="settings")
    told: set[str] = set()
    for each in services(published):
        if each.kind in told:
            continue
        told.add(each.kind)
        protocol = SubElement(account, "Protocol")
        _add(protocol, Type=each.kind.upper(), Server=published.host, Port=str(each.port))
        _add(protocol, LoginName=address, DomainRequired="off", SPA="off")
        _add(protocol, SSL="on" if each.tls else "off", Encryption="SSL" if each.tls else "TLS")
        _add(protocol, AuthRequired="on")
    return _written(root)


def requested(body: bytes) -> str:
    """The address in what Outlook posts (MS-OXDSCLI 2.2.3). No document type and so no entities."""
    path: list[str] = []
    values: dict[str, str] = {}

    def begin(name: str, attributes: dict[str, str]) -> None:
        path.append(name)
        leaf = _leaf(path)
        if leaf in values:
            raise NotARequest("An element is there twice")
        if leaf:
            values[leaf] = ""

    def end(name: str) -> None:
        path.pop()

    def text(piece: str) -> None:
        if leaf := _leaf(path):
            values[leaf] += piece

    def refuse(*what: object) -> None:
        raise NotARequest("A document type is not taken")

    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise NotARequest("That is no XML") from None
    if values.get("AcceptableResponseSchema", "").strip() != _SETTINGS:
        raise NotARequest("There are no answers of that schema here")
    address = values.get("EMailAddress", "").strip()
    if maybe_address(address) is None:
        raise NotARequest("There is no mail address")
    return address


def _leaf(path: list[str]) -> str:
    if len(path) != 3 or path[:2] != [f"{_REQUEST} Autodiscover", f"{_REQUEST} Request"]:
        return ""
    return path[2].removeprefix(f"{_REQUEST} ")


def _domain(request: Request, label: str, is_ours: Callable[[str], bool], itself: bool = True) -> str | None:
    """The domain of ours that was asked for by `label` before it, or by its own name."""
    host = host_of(request)
    candidates = [host.removeprefix(label)] if host.startswith(label) else []
    candidates += [host] if itself else []
    return next((each for each in candidates if is_ours(each)), None)


def host_of(request: Request) -> str:
    """The name of the Host field, folded; "" where there is none (RFC 9110 7.2)."""
    host = request.headers.get("host", "").lower()
    if not host.isascii():
        return ""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).removesuffix(".")


def _nothing() -> Response:
    return PlainTextResponse("There is nothing here.\n", 404)


def _add(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


def _written(root: Element) -> bytes:
    out: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return out
