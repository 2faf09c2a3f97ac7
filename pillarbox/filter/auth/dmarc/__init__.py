"""DMARC (RFC 9989, which replaces RFC 7489): does what was authenticated speak for the author shown?

`record` reads policies, `walk` finds them by climbing the DNS, `judge` compares and says what is asked for.
"""
