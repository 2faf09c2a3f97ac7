"""Having the certificate ordered when it is time, while the server runs; one process of a server does it.

A failure changes nothing that is served: the old certificate stays, the log says why, and so does
`pillarbox certificate status`. How often it has failed is on the disk, so that a server that is begun
again and again does not ask the authority again and again.
"""

import asyncio
import random
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec

from pillarbox.app.acme import files, schedule
from pillarbox.app.acme.talk import Issued, Wanted
from pillarbox.app.config import Config
from pillarbox.app.spawn import command, environment

EVERY = 1.0  # seconds between two looks at the clock
PATIENCE = 3600.0  # seconds for one order, after which it is given up

Tell = Callable[..., object]


@asynccontextmanager
async def running(
    config: Config, renewed: Callable[[], object], tell: Tell, warn: Tell
) -> AsyncIterator[None]:
    """`renewed` is called when there is a new certificate on the disk."""
    if not config.acme.names:
        yield
        return
    task = asyncio.create_task(_run(config, renewed, tell, warn))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _run(config: Config, renewed: Callable[[], object], tell: Tell, warn: Tell) -> None:
    data, acme = config.data_folder, config.acme
    while True:
        now, state = time.time(), files.state(data)
        ordered = files.order_now(data)
        asked = ordered.exists()
        if asked or not files.bundle(data).exists() or now >= schedule.due(state, acme.names, acme.directory):
            if not asked and now < state.again:
                await asyncio.sleep(EVERY)
                continue
            ordered.unlink(missing_ok=True)
            issued = await _order(config)
            now = time.time()
            if issued.failed:
                state = schedule.failed(state, issued.failed, now, random.random())
            else:
                state = schedule.issued(
                    acme.names, acme.directory, issued.since, issued.until, now, random.random()
                )
            files.save(data, state)
            if issued.failed:
                warn("no new certificate", reason=issued.failed, again_in=int(state.again - now))
            else:
                tell("new certificate", names=" ".join(acme.names), days=int((issued.until - now) / 86_400))
                renewed()
        await asyncio.sleep(EVERY)


async def _order(config: Config) -> Issued:
    """In a process of its own, which ends with us."""
    wanted = msgspec.json.encode(Wanted(config.data, config.acme))
    try:
        child = await asyncio.create_subprocess_exec(
            *command("acme.order"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
    except OSError as error:
        return Issued(failed=f"the order could not be begun: {error}")
    try:
        async with asyncio.timeout(PATIENCE):
            said, broken = await child.communicate(wanted + b"\n")
        return msgspec.json.decode(said, type=Issued)
    except (TimeoutError, msgspec.DecodeError):
        last = broken.decode("utf-8", "replace").strip().splitlines() if child.returncode is not None else []
        return Issued(failed=f"the order broke off: {last[-1] if last else 'it took too long'}")
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
