"""HTTP: what people and programs do here with a browser or by requests. Small and strict.

    serving      sockets -> connections -> an application (uvicorn's protocol, our accepting, TLS and bounds)
    strict       around the application: limits of size and time, headers, whose fault an error is
    site         which path leads where; other parts of the server mount routes of their own here
    visits       cookies, sessions of people, tokens against forged requests
    pages        HTML, made here and nowhere else
    sign_in, account, passkeys      what people see
    published    what a domain publishes here: policy of MTA-STS, settings for mail clients
    oauth/       what programs see: RFC 6749 and those around it

Rules of the place: nothing is changed by a GET; what comes in a form is not believed because this server
wrote it; a page has no inline script and no style of elsewhere; what is slow or changes `directory.db`
runs on the threads that check passwords.
"""
