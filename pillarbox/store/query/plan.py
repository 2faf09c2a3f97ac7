"""How a search was answered, as data: for people who ask why it was slow, and for tests."""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.model import search


@dataclass(frozen=True, slots=True)
class Step:
    """One key, in the order they were looked at.

    `by` is "memory", "rows", "index", "texts" (few candidates, each looked into), "messages" (there is no
    index) or "threads". Of `candidates` messages `found` matched; `sure` of the emails found were known from
    the index alone, `looked_into` by their kept text, `read` by the message itself.
    """

    key: search.Key
    by: str
    candidates: int
    found: int
    sure: int = 0
    looked_into: int = 0
    read: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`indexed`: how many segments the index had, None where there is none. `behind`: messages of this
    mailbox that it did not hold yet."""

    steps: tuple[Step, ...]
    indexed: int | None
    behind: int


SHORT = 60  # characters of a key


def spell(key: search.Key) -> str:
    """The key of a step, for people."""
    match key:
        case search.Fuzzy():
            said = f"fuzzy {spell(key.key)}"
        case search.Flag(flag=flag):
            said = f"flag {flag}"
        case search.Header(name=name, needle=needle):
            said = f"{name}: {needle!r}"
        case search.Body(needle=needle):
            said = f"body {needle!r}"
        case search.Text(needle=needle):
            said = f"text {needle!r}"
        case search.FileName(needle=needle):
            said = f"file name {needle!r}"
        case search.Attached():
            said = "attachment"
        case search.InThread():
            said = f"in a thread ({key.algorithm.value}) with {spell(key.key)}"
        case _:
            said = str(key)
    return said if len(said) <= SHORT else f"{said[: SHORT - 1]}…"
