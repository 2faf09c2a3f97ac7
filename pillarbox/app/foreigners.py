"""Other servers whose tokens are good here, as the configuration has them, and how they are asked.

What they are asked over is urllib's, on two threads: a few questions an hour for keys, one for each token
that is not known, none of them followed elsewhere.
"""

from __future__ import annotations

import asyncio
import time
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode

from pillarbox.app.entering import OAuthProvider

if TYPE_CHECKING:
    from pillarbox.identity.tokens import Foreign

SECONDS = 5.0  # for each step of an answer
ALL_SECONDS = 10.0
MAX_ANSWER = 1024 * 1024  # octets


class Foreigners:
    """What is known of them outlives a reload of the configuration, where their part of it is the same."""

    def __init__(self) -> None:
        self._known: dict[OAuthProvider, tuple[Foreign, ...]] = {}
        self._threads: ThreadPoolExecutor | None = None

    def adopt(self, providers: tuple[OAuthProvider, ...]) -> tuple[Foreign, ...]:
        self._known = {each: self._known.get(each) or self._make(each) for each in providers}
        return tuple(foreign for made in self._known.values() for foreign in made)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _make(self, provider: OAuthProvider) -> tuple[Foreign, ...]:
        # Here, because PyJWT and cryptography take 8 MB that most servers do not need.
        from pillarbox.identity.foreign import Introspected, Keys, Signed, Terms

        terms = Terms(
            provider.issuer,
            provider.audience,
            provider.claim,
            provider.scope,
            provider.domains,
            provider.skew,
        )
        made: list[Foreign] = []
        if provider.keys:
            made.append(Signed(terms, Keys(provider.keys, self._fetch, time.monotonic), time.time))
        if provider.introspection:
            basic = (provider.client_id, provider.client_secret) if provider.client_id else None
            made.append(
                Introspected(terms, provider.introspection, basic, self._fetch, time.time, time.monotonic)
            )
        return tuple(made)

    async def _fetch(
        self, url: str, form: Mapping[str, str] | None = None, basic: tuple[str, str] | None = None
    ) -> bytes:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(2, thread_name_prefix="tokens")
        headers = {"Accept": "application/json"}
        if basic is not None:
            # RFC 6749 2.3.1: both are form-encoded first.
            pair = ":".join(map(quote_plus, basic)).encode()
            headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        body = urlencode(form).encode() if form is not None else None
        request = urllib.request.Request(url, body, headers)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)  # sessions run outside any task until they wait, and a timeout needs one
        async with asyncio.timeout(ALL_SECONDS):  # TimeoutError is an OSError
            return await loop.run_in_executor(self._threads, _read, request)


class _Nowhere(urllib.request.HTTPRedirectHandler):
    """An answer that leads elsewhere is none."""

    def redirect_request(self, *about: Any) -> None:
        return None


def _read(request: urllib.request.Request) -> bytes:
    opener = urllib.request.build_opener(_Nowhere)
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            octets: bytes = answer.read(MAX_ANSWER + 1)
    except HTTPError as error:
        error.close()
        raise
    except HTTPException as error:
        raise OSError(str(error)) from None
    if len(octets) > MAX_ANSWER:
        raise OSError("the answer is too long")
    return octets
