"""SMTP as one sans-IO session, and its dialects as data.

`profile` says what a dialect offers, `table` what each command needs, `wire/` turns lines into commands
and replies into lines (pure), `commands` does what the commands ask, `session` keeps the state. LMTP
(RFC 2033) is the first profile; what other dialects add is further rows, not another session.
"""
