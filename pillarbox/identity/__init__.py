"""Who may come in and do what: the directory of accounts, their passwords, SASL steps.

Rules of the place: `directory.db` is read on the event loop (point reads of a WAL file, never blocked
by a writer) and written by the command line or off the loop; nothing here does network IO; a password
is never kept, only its argon2id hash. Protocol rooms use three things:

    directory.resolve("kim+lists@example.test")   -> Recipient | None
    sasl.start("PLAIN")                           -> a sans-IO mechanism that ends in Credentials
    await authenticator.login(credentials)        -> Login, or Refused (AUTHENTICATIONFAILED)
"""
