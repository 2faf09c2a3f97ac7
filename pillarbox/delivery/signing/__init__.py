"""Signing what goes out (RFC 6376, 8463, 8617).

keys      the private keys of our domains, and which of them sign
signer    signatures over messages that stream by, and over small ones of our own
lookout   keys that wait to be published in the DNS, and those that nobody needs any more
"""
