"""The policy of MTA-STS as a domain's web server has it (RFC 8461 3.3)."""

import asyncio
import socket
import ssl
from http.client import HTTPException, HTTPResponse

from pillarbox.app.publishing.services import Fetched

SECONDS = 10.0
MOST = 64 * 1024  # octets: what RFC 8461 3.3 suggests


async def fetched(
    domain: str, *, address: tuple[str, int] | None = None, context: ssl.SSLContext | None = None
) -> Fetched:
    """`address`: where to ask instead of the name's own; `context`: who vouches for the server."""
    return await asyncio.to_thread(_fetched, domain, address, context)


def _fetched(domain: str, address: tuple[str, int] | None, context: ssl.SSLContext | None) -> Fetched:
    host = f"mta-sts.{domain}"
    try:
        with (
            socket.create_connection(address or (host, 443), SECONDS) as connection,
            (context or ssl.create_default_context()).wrap_socket(connection, server_hostname=host) as tls,
        ):
            request = f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            tls.sendall(request.encode("ascii"))
            response = HTTPResponse(tls, method="GET")
            response.begin()
            # RFC 8461 3.3: it is served there itself, and redirects are not followed.
            if response.status != 200:
                return Fetched(failure=f"the web server answers {response.status} {response.reason}")
            octets = response.read(MOST + 1)
    except socket.gaierror:
        return Fetched(failure="the name cannot be looked up")
    except ssl.SSLCertVerificationError as error:
        return Fetched(failure=f"the certificate is not good: {error.verify_message}")
    except (OSError, HTTPException) as error:
        return Fetched(failure=f"the web server does not answer: {error}")
    if len(octets) > MOST:
        return Fetched(failure=f"it is longer than {MOST} octets")
    return Fetched(octets.decode("utf-8", "replace"))
