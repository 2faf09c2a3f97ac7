"""IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051).

`session` assembles commands out of what the net driver delivers, `wire` turns them into frozen data and
responses into bytes, `table` says what may happen when, `commands` act, `view` is what the client believes,
`updates` what it must be told next.
"""
