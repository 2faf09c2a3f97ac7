"""Sender Policy Framework (RFC 7208): may this client send mail for this domain?

`record` reads what a domain publishes, `macro` expands it, `check` evaluates, `received` writes it down.
"""
