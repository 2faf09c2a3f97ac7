"""What may stand in `pillarbox.toml` about mail from other servers: `mx`, `reports` and `proxy`."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ReverseDns = Literal["off", "note", "refuse"]
Count = Annotated[int, Meta(ge=1)]
Limit = Annotated[int, Meta(ge=0)]  # 0: none


class List(Struct, frozen=True, forbid_unknown_fields=True):
    """A DNS list (RFC 5782). `of`: of addresses, or of domains, which HELO, MAIL FROM and From are looked up
    in. `codes`: addresses or networks of 127.0.0.0/8 it answers with that count, all by default. `tested`:
    not believed where its test entries are wrong."""

    zone: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+$")]
    of: Literal["address", "domain"] = "address"
    codes: tuple[str, ...] = ()
    weight: Annotated[int, Meta(ge=1, le=1000)] = 10
    tested: bool = True


class Mx(Struct, frozen=True, forbid_unknown_fields=True):
    """Mail from other servers. What a network (an IPv4 address, an IPv6 /64) may do in an hour, over all
    workers, and one session; 0 is no limit. `unknown`: recipients that nobody is; `errors`: commands that
    were no good. `exempt`: networks, besides `abuse.exempt`, that are neither counted nor asked about.
    `reverse_dns`: whether the address must have a name that leads back to it. `lists`: mail is refused from
    a weight of `refuse_from` on, all lists together, and goes to Junk from `junk_from` on. `greylist`: who
    comes for the first time, and is not vouched for by SPF, has to come again after `greylist_wait` seconds;
    his network is known for `greylist_days`."""

    connections_per_hour: Limit = 3000
    messages_per_hour: Limit = 5000
    recipients_per_hour: Limit = 20_000
    unknown_per_hour: Limit = 200
    errors_per_hour: Limit = 500
    unknown_per_session: Limit = 20
    errors_per_session: Limit = 50
    exempt: tuple[str, ...] = ()
    reverse_dns: ReverseDns = "note"
    lists: tuple[List, ...] = ()
    refuse_from: Count = 10
    junk_from: Count = 5
    greylist: bool = False
    greylist_wait: Annotated[int, Meta(ge=1, le=86_400)] = 300
    greylist_days: Annotated[int, Meta(ge=1, le=3650)] = 36


class Reports(Struct, frozen=True, forbid_unknown_fields=True):
    """What is told to others of their mail. `dmarc`: once a day, to domains that ask for it, what was seen of
    mail in their name; `spared`: domains, with all below them, that are told nothing."""

    dmarc: bool = False
    spared: tuple[str, ...] = ()


class Proxy(Struct, frozen=True, forbid_unknown_fields=True):
    """`networks`: where connections come from a proxy, which begins each with a PROXY header; `protocols`:
    the keys of `[listen]` it stands in front of. `xclient`: networks of proxies that say who their client is
    with SMTP's command XCLIENT."""

    networks: tuple[str, ...] = ()
    xclient: tuple[str, ...] = ()
    protocols: tuple[str, ...] = (
        *("imap", "imaps", "pop3", "pop3s", "managesieve"),
        *("smtp", "submission", "submissions"),
    )
