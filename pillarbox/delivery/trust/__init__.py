"""Whom mail is handed to: what other domains have published of it, and what became of it.

sts        MTA-STS policies as text (RFC 8461)
policies   where they come from, and how long they are remembered
https      fetching and posting over HTTPS, within bounds
dane       TLSA records, and whether a certificate fits them (RFC 7672)
results    what became of sessions, counted for each domain and day
tlsrpt     reports on that (RFC 8460)
daily      sends them
database   `trust.db`, where policies and counts are kept
"""
