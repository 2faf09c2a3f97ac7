"""Who may come in and do what: the directory of accounts, their passwords, SASL steps.

Rules of the place: `directory.db` is read on the event loop (point reads of a WAL file, never blocked by a
writer) and written by the command line or off the loop; nothing here does network IO but `outside`, which
asks directories elsewhere, on threads; a password is never kept, only its argon2id hash and SCRAM verifiers.
Protocol rooms use these:

    directory.resolve("kim+lists@example.test")   -> Recipient | None
    mechanisms.offered(channel)                   -> the names of what can be used on this connection
    mechanisms.start("PLAIN", channel)            -> a sans-IO exchange that ends in a claim
    await authenticator.login(claim, channel)     -> Login, or Refused (AUTHENTICATIONFAILED)
"""
