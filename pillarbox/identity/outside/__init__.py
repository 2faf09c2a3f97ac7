"""Accounts that are kept elsewhere: in LDAP, in tables of a database, by a provider of tokens.

    outside.covers(address)                    whether a directory elsewhere decides on it
    await outside.know(address)                what is in `directory.db` of it is young enough, or Refused
    await outside.verify(address, password)    whether it is the password, there
    outside.ahead(text)                        None, or what to await before mail for `text` can be routed

`directory.db` stays the one place that is read: what a directory elsewhere says of an address is written into
it (`record`), with the time, and holds for so many seconds. So routes, sessions and commands know one
shape of account, ids are given out here only, and an account's mail is there from the first sight on.

Rules of the place: a `source` answers on threads, within its timeouts, or raises `Unreachable`. A directory
that does not answer opens nothing, refuses nobody for good and counts against nobody: all that asked are told
to come again. It decides alone on the addresses of its domains, and on no others.
"""
