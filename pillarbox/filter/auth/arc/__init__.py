"""Authenticated Received Chain (RFC 8617): what earlier servers found, and whether they really said so.

`chain` checks one, `seal` adds to one. A chain that passes says who wrote it, not that it is true: whose
word counts is a matter of policy.
"""
