"""A DNS server on a free port of this machine, that says what a test wants."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Answering = Callable[[dns.message.Message, dns.message.Message], dns.message.Message | None]


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, answer: Answering) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        response = self._answer(query, dns.message.make_response(query))
        if response is not None:
            self._transport.sendto(response.to_wire(), addr)


def of(zone: dict[tuple[str, str], list[str]], failing: dict[str, dns.rcode.Rcode]) -> Answering:
    """`zone`: (name, kind) -> texts; a name of which nothing is there does not exist."""

    def answer(query: dns.message.Message, response: dns.message.Message) -> dns.message.Message:
        response.flags |= dns.flags.RA
        question = query.question[0]
        name, kind = question.name.to_text(True).lower(), question.rdtype.name
        if name in failing:
            response.set_rcode(failing[name])
        elif (name, kind) in zone:
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, zone[name, kind]))
        elif (name, "CNAME") in zone:
            response.answer.append(
                dns.rrset.from_text_list(question.name, 60, "IN", "CNAME", zone[name, "CNAME"])
            )
            target = zone[name, "CNAME"][0].removesuffix(".")
            if (target, kind) in zone:
                response.answer.append(
                    dns.rrset.from_text_list(target + ".", 60, "IN", kind, zone[target, kind])
                )
            elif (target, "CNAME") in zone:
                response.answer.append(
                    dns.rrset.from_text_list(target + ".", 60, "IN", "CNAME", zone[target, "CNAME"])
                )
        elif not any(each == name for each, _ in zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    return answer


@asynccontextmanager
async def dns_server(answer: Answering) -> AsyncIterator[str]:
    """Its address, as the configuration has it."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(answer), ("127.0.0.1", 0))
    try:
        host, port = transport.get_extra_info("sockname")
        yield f"{host}:{port}"
    finally:
        transport.close()


@contextmanager
def dns_thread(zone: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    """The same on a thread of its own, for those who wait without a loop. The zone may change meanwhile."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = dns_server(of(zone, {}))
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
