"""POP3 (RFC 1939) as one sans-IO session over a snapshot of INBOX.

`table` says what each command needs, `wire/` turns lines into commands and answers into octets (pure),
`commands/` does what the commands ask, `maildrop` is the INBOX as it was at login, `session` keeps the state.

Rules of the place:
* nothing of a maildrop is held for each message but what IMAP sessions share (the store's columns), and a
  mark for each deleted one: sizes and unique ids are read as they are listed;
* no lock: others read, deliver and expunge meanwhile. What is expunged under a session is still there for it,
  because the store keeps it; what is deleted here is gone at QUIT, in one transaction;
* no flag is changed, `\\Seen` least of all.
"""
