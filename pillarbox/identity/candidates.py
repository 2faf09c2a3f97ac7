"""Who a SCRAM exchange could be with: an account's password, or any app password of its devices."""

from pillarbox.identity import app_passwords, scram
from pillarbox.identity.claims import Proven
from pillarbox.identity.directory import Directory
from pillarbox.identity.scram import Candidates, Hash, Verifier


def candidates(
    directory: Directory,
    name: str,
    hash_: Hash,
    protocol: str,
    *,
    only_devices: bool = False,
    iterations: int = scram.ITERATIONS,
) -> Candidates:
    """What a proof under this name is checked against; `only_devices`: not against what people choose. The
    salt and the iterations are those of the password, whether it opens anything or not; where it has none
    they are the ones of a name that nobody has. `iterations`: of what is stored from now on."""
    credential = directory.credential(name)
    stored = directory.verifier(credential.account if credential is not None else -1, hash_)
    prefix = credential.account if credential is not None and credential.enabled else -1
    own = stored if prefix >= 0 else None
    if only_devices or (credential is not None and credential.second_factor):
        own = None  # the password alone opens nothing
    if credential is not None and credential.directory:
        own = None  # the password is another one, which is not known here
    devices = app_passwords.verifiers(directory, prefix, hash_, protocol)
    if credential is None or (own is None and not devices):
        count = stored.iterations if stored else directory.usual_iterations(name, hash_, iterations)
        return Candidates(directory.salt(name), count)
    found: list[tuple[str, Verifier]] = [("", own), *devices] if own is not None else devices
    salt, iterations = found[0][1].salt, found[0][1].iterations
    return Candidates(
        salt,
        iterations,
        tuple(
            (verifier, Proven(name, credential.account, credential.version, device=device))
            for device, verifier in found
            if (verifier.salt, verifier.iterations) == (salt, iterations)
        ),
    )
