"""DomainKeys Identified Mail (RFC 6376, 8301, 8463, 8616): signatures over header and body.

`canonical` says which octets are signed, `body` hashes a body that streams by, `signature` and `key` read
what the message and the DNS say, `verify` and `sign` do it.
"""
