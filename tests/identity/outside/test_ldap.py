"""Accounts in LDAP, asked of OpenLDAP's server."""

import importlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pillarbox.identity.addresses import Address, address
from pillarbox.identity.outside.source import Unreachable
from pillarbox.net.tls import write_self_signed
from tests.identity.outside.slapd import BASE, BIND, SECRET, Slapd, free_port, group, person

library = pytest.importorskip("ldap", reason="python-ldap is not installed")
ldap = importlib.import_module("pillarbox.identity.outside.ldap")

KIM = address("kim@corp.test")
AD_FILTER = "(|(mail={address})(proxyAddresses=smtp:{address}))"
FULL = {"aliases": "proxyAddresses", "quota": "mailQuota"}


@pytest.fixture(scope="session")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    running = Slapd(tmp_path_factory.mktemp("slapd"))
    running.add(
        person(
            "kim", proxyAddresses=["SMTP:kim@corp.test", "smtp:boss@corp.test", "x500:/o=1"], mailQuota="2G"
        ),
        person("tim", userAccountControl="514"),
        person("ann", mail="twin@corp.test"),
        person("bob", mail="twin@corp.test"),
        person("star*", mail="star*@corp.test"),
        group("admins", "kim"),
        group("staff", "kim", "tim"),
        group("leavers", "tim"),
    )
    yield running
    running.stop()


@pytest.fixture
def made(slapd: Slapd) -> Iterator[Any]:
    """`made(...)` is a source; what is given differs from one that works."""
    all_: list[Any] = []

    def make(
        urls: tuple[str, ...] | None = None,
        *,
        starttls: bool | None = False,
        ca: str | None = None,
        bind: str = BIND,
        password: str = SECRET,
        timeout: float = 10.0,
        filter: str = AD_FILTER,
        user: str = "",
        roles: Any = None,
        **attributes: str,
    ) -> Any:
        servers = ldap.Servers(urls or (slapd.url,), starttls, ca, bind, password, timeout, 2)
        search = ldap.Search(f"ou=people,{BASE}", filter, user)
        source = ldap.Ldap(servers, search, ldap.Attributes(**attributes), roles or ldap.Groups())
        all_.append(source)
        return source

    yield make
    for each in all_:
        each.close()


def test_who_is_there(made) -> None:
    source = made(**FULL)
    kim = source.find(address("Kim@CORP.test"))
    assert (kim.address, kim.aliases, kim.quota) == (
        "kim@corp.test",
        ("kim@corp.test", "boss@corp.test"),
        2 * 1024**3,
    )
    assert kim.key and not kim.disabled and kim.admin is None
    assert source.find(address("boss@corp.test")) == kim
    assert source.find(address("nobody@corp.test")) is None
    assert source.find(address("tim@corp.test")).disabled  # as Active Directory says so


@pytest.mark.parametrize(
    "user", ["", f"uid={{local}},ou=people,{BASE}"], ids=["searched for", "made of the address"]
)
def test_a_password_is_right_or_wrong(made, user) -> None:
    source = made(user=user)
    assert source.verify(KIM, "secret").address == "kim@corp.test"
    assert source.verify(KIM, "wrong") is None
    assert source.verify(address("nobody@corp.test"), "secret") is None
    assert source.verify(KIM, "secret") is not None  # on a connection that has just failed


@pytest.mark.parametrize(
    "user", ["", f"uid={{local}},ou=people,{BASE}"], ids=["searched for", "made of the address"]
)
@pytest.mark.parametrize("password", ["", "\u00ad", "\u200b\u00ad"])
def test_an_empty_password_opens_nothing(made, slapd, user, password) -> None:
    """RFC 4513 5.1.2: this server would take it, and say that all is well. A soft hyphen is prepared to
    nothing."""
    careless = library.initialize(slapd.url)
    careless.simple_bind_s(f"uid=kim,ou=people,{BASE}", "")  # succeeds
    careless.unbind_s()
    assert made(user=user).verify(KIM, password) is None


def test_without_a_name_to_search_by_people_are_asked_about_themselves(made) -> None:
    source = made(bind="", password="", user=f"uid={{local}},ou=people,{BASE}")
    assert source.verify(KIM, "secret").address == "kim@corp.test"
    assert source.verify(KIM, "wrong") is None


def test_two_of_one_address_are_nobody(made) -> None:
    for ask in (
        lambda: made().find(address("twin@corp.test")),
        lambda: made().verify(address("twin@corp.test"), "secret"),
    ):
        with pytest.raises(Unreachable, match="several"):
            ask()


@pytest.mark.parametrize(
    "local",
    [
        "*",
        "k*",
        "kim)(uid=*",
        "*)(|(uid=*",
        "kim\\",
        "\\2a",
        "kim\0",
        "kim,ou=people",
        "kim+cn=kim",
        "(",
        "kim))",
        "kim#",
    ],
)
def test_no_name_is_more_than_a_value(made, local) -> None:
    wanted = Address(local, "corp.test", f"{local}@corp.test")
    for source in (made(), made(user=f"uid={{local}},ou=people,{BASE}"), made(filter="(uid={local})")):
        assert source.find(wanted) is None
        assert source.verify(wanted, "secret") is None


def test_what_has_a_meaning_elsewhere_can_be_a_name(made) -> None:
    star = address("star*@corp.test")
    assert made().verify(star, "secret").address == "star*@corp.test"
    assert made(user=f"uid={{local}},ou=people,{BASE}").verify(star, "secret").address == "star*@corp.test"


def test_values_are_escaped_as_the_standards_say() -> None:
    odd = Address('a*(b)\\c\0 ,+"<>;=', "corp.test", "x")
    assert ldap.fill_filter("(uid={local})", odd) == '(uid=a\\2a\\28b\\29\\5cc\\00 ,+"<>;=)'
    in_a_name = Address(' #a*(b)\\c,+"<>;=', "corp.test", "x")
    assert ldap.fill_dn("uid={local},dc=x", in_a_name) == 'uid=\\ #a*(b)\\\\c\\,\\+\\"\\<\\>\\;\\=,dc=x'
    assert (
        ldap.fill_filter("(a={local.__class__})({0})({nothing})", odd)
        == "(a={local.__class__})({0})({nothing})"
    )


# Groups


@pytest.mark.parametrize(
    "found_by",
    [{}, {"base": BASE, "filter": "(&(objectClass=groupOfNames)(member={dn}))"}],
    ids=["memberOf", "search"],
)
def test_groups_are_roles(made, found_by) -> None:
    def source(**more: Any) -> Any:
        return made(roles=ldap.Groups(**found_by, **more), groups="" if found_by else "memberOf")

    assert source(admins=(f"CN=Admins, OU=groups,{BASE}",)).find(KIM).admin is True
    assert source(admins=("admins",)).find(address("tim@corp.test")).admin is False
    assert source(disabled=("leavers",)).find(KIM).disabled is False
    assert source(disabled=("leavers",)).verify(address("tim@corp.test"), "secret").disabled is True
    assert source(members=("staff",)).find(KIM) is not None
    assert source(members=("staff",)).find(address("star*@corp.test")) is None
    assert source(members=("staff",)).verify(address("star*@corp.test"), "secret") is None


# TLS


def test_starttls_and_tls_with_a_certificate_that_is_vouched_for(made, slapd) -> None:
    ca = str(slapd.certificate)
    assert made(starttls=None, ca=ca).verify(KIM, "secret") is not None  # STARTTLS by default
    assert made((slapd.tls_url,), starttls=None, ca=ca).verify(KIM, "secret") is not None


def test_no_password_goes_to_a_server_that_proves_nothing(made, slapd, tmp_path, monkeypatch) -> None:
    other = tmp_path / "other.pem"
    write_self_signed(other, tmp_path / "key.pem", "localhost", datetime.now(UTC))
    monkeypatch.setenv("LDAPTLS_REQCERT", "never")  # says nothing here
    # The certificate is for localhost and 127.0.0.1, and not for another name of this machine.
    elsewhere = slapd.url.replace("127.0.0.1", "127.0.0.2")
    for source in (
        made(starttls=None, ca=str(other)),
        made((slapd.tls_url,), starttls=None, ca=str(other)),
        made(starttls=None),
    ):
        with pytest.raises(Unreachable):
            source.verify(KIM, "secret")
    with pytest.raises(Unreachable):
        made((elsewhere,), starttls=None, ca=str(slapd.certificate)).verify(KIM, "secret")


# Trouble


def test_the_next_server_is_asked_when_one_is_dead(made, slapd) -> None:
    dead = f"ldap://127.0.0.1:{free_port()}"
    source = made((dead, slapd.url))
    assert source.verify(KIM, "secret") is not None
    assert source._searching._first == 1  # and first from then on
    with pytest.raises(Unreachable, match=dead):
        made((dead, dead)).find(KIM)


def test_a_server_that_says_nothing_is_given_up(made, slapd) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"ldap://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unreachable):
            made((url,), timeout=1.0).find(KIM)
        assert made((url, slapd.url), timeout=2.0).find(KIM) is not None


def test_our_own_name_is_refused(made) -> None:
    with pytest.raises(Unreachable) as wrong:
        made(password="not the secret").find(KIM)
    assert "not the secret" not in str(wrong.value)
    assert "not the secret" not in repr(ldap.Servers(("x",), password="not the secret"))


def test_a_filter_or_a_base_that_is_no_good_is_no_answer(made) -> None:
    with pytest.raises(Unreachable):
        made(filter="(mail={address}").find(KIM)
    source = made()
    source._search = replace(source._search, base="dc=nowhere")
    with pytest.raises(Unreachable):
        source.find(KIM)


def test_a_restarted_server_and_changes_in_it_are_seen(tmp_path) -> None:
    own = Slapd(tmp_path)
    try:
        own.add(person("kim"))
        servers = ldap.Servers((own.url,), False, None, BIND, SECRET, 10.0, 2)
        source = ldap.Ldap(servers, ldap.Search(f"ou=people,{BASE}"), ldap.Attributes(), ldap.Groups())
        first = source.verify(KIM, "secret")
        own.stop()
        with pytest.raises(Unreachable):
            source.verify(KIM, "secret")
        own.start()
        assert source.verify(KIM, "secret") == first
        own.change(f"uid=kim,ou=people,{BASE}", mail="kim.smith@corp.test", userPassword="new")
        assert source.find(KIM) is None
        renamed = source.verify(address("kim.smith@corp.test"), "new")
        assert renamed.key == first.key
        own.add(
            (
                f"cn=away,ou=people,{BASE}",
                {"objectClass": ["referral", "extensibleObject"], "ref": "ldap://127.0.0.1:1/dc=x"},
            )
        )
        assert source.find(address("kim.smith@corp.test")) == renamed  # referrals are not followed
        source.close()
    finally:
        own.stop()
