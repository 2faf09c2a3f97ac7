"""How alike two words are, for searches that forgive typing errors (RFC 6203). Words are folded.

A word of four letters may have one wrong, missing, or too much, or two of them swapped; one of eight letters
two such errors. A word that is found inside another is alike too: "invoice" in "invoices".
"""

SHORT, LONG = 4, 8  # letters from which one error and two errors are forgiven
MOST_LETTERS = 64  # longer words are compared as they are

EXACT, BEGINNING, INSIDE = 1.0, 0.9, 0.8
ERROR = 0.25  # what each error costs


def errors_in(word: str) -> int:
    """How many errors are forgiven."""
    if len(word) < SHORT or len(word) > MOST_LETTERS:
        return 0
    return 2 if len(word) >= LONG else 1


def similarity(word: str, other: str) -> float:
    """Between 0, not alike, and 1, the same. `word` is what is looked for."""
    if word == other:
        return EXACT
    if word in other:
        return BEGINNING if other.startswith(word) else INSIDE
    most = errors_in(word)
    if not most or abs(len(word) - len(other)) > most:
        return 0.0
    beginning, end = pieces(word)
    if not other.startswith(beginning) and not other.endswith(end):
        return 0.0
    made = _errors(word, other, most)
    return 1.0 - ERROR * made if made <= most else 0.0


def _errors(word: str, other: str, most: int) -> int:
    """Letters changed, missing, too much, or swapped with the next one; above `most` it is not counted on."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(word, 1):
        last, before, row = before, row, [at]
        for there, their in enumerate(other, 1):
            cost = min(before[there] + 1, row[there - 1] + 1, before[there - 1] + (letter != their))
            if at > 1 and there > 1 and letter == other[there - 2] and word[at - 2] == their:
                cost = min(cost, last[there - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def pieces(word: str) -> tuple[str, str]:
    """A word that is alike must begin with the one or end with the other: so much is right of nearly every
    word that is written wrong, and few other words are compared letter by letter."""
    # Swapped letters may be the last of one half and the first of the other.
    size = 2 if len(word) == SHORT else max((len(word) - 1) // (errors_in(word) + 1), 1)
    return word[:size], word[-size:]
