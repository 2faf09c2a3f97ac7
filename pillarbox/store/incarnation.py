"""Which run of the machine this is.

Flag changes are committed without waiting for the disk, so a power cut can take back a mod-sequence
that a client has already seen. Were it then given out again with another meaning, that client would
miss a change for ever. A power cut cannot happen without a new boot, so the account remembers the boot
under which it was last written, and the first write under another one leaves a gap too wide to meet
any mod-sequence of the old run.
"""

import subprocess
import sys
import uuid
from functools import cache
from pathlib import Path

GAP = 2**20


@cache
def boot_id() -> str:
    """Constant from one boot of the kernel to the next.

    Where the system does not tell, every process counts as a boot of its own: more gaps than
    necessary, never too few.
    """
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.exists():
        return linux.read_text("ascii").strip()
    if sys.platform == "darwin":
        asked = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True
        )
        if asked.stdout.strip():
            return asked.stdout.strip().lower()
    return str(uuid.uuid4())
