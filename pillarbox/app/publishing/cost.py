"""How many questions an SPF record asks at most (RFC 7208 4.6.4), for whatever client.

A check ends at the first mechanism that matches, so one client's may pass where another's fails for the
count.
"""

from pillarbox.filter.auth.spf.record import Mistake, Record, is_spf, parse
from pillarbox.filter.dns import Asking, Kind, Question, is_name

ASKING = ("include", "a", "mx", "ptr", "exists")
ENOUGH = 40  # beyond the limit of ten it does not matter by how many


def cost(record: Record) -> Asking[int]:
    """Terms that ask the DNS, those of the included records too. A name with macros counts, and is not
    followed: it differs from client to client."""
    waiting, total = [record], 0
    while waiting and total < ENOUGH:
        each = waiting.pop()
        total += sum(mechanism.name in ASKING for mechanism in each.mechanisms)
        followed = [one.domain for one in each.mechanisms if one.name == "include"]
        # RFC 7208 6.1: where there is an "all", redirect is ignored.
        if each.redirect is not None and not any(one.name == "all" for one in each.mechanisms):
            total += 1
            followed.append(each.redirect)
        for pieces in followed:
            name = "".join(pieces) if pieces and all(isinstance(one, str) for one in pieces) else ""  # type: ignore[arg-type]
            if is_name(name):
                answer = yield Question(name, Kind.TXT)
                for text in [text for text in answer.values if is_spf(text)][:1]:
                    try:
                        waiting.append(parse(text))
                    except Mistake:
                        continue
    return total
