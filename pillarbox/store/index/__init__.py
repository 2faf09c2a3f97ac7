"""The search index of an account: exact substring search without reading the messages.

    message -> `document` (its folded text) -> `segment` (vocabularies of some thousand messages)
    needle  -> `runs` -> words that contain, begin or end with them -> postings -> candidates -> `texts`

A text is cut into runs of word characters and runs of everything else. A segment lists, for each field, the
different runs that occur with the messages they occur in; since those lists are short beside the text, a
needle is looked for in all of them by plain substring search. What one run decides is decided; where a
needle crosses a border of runs, its candidates are looked into: their folded text is kept, compressed.

`runs`, `listing`, `vocabulary`, `document`, `pairs`, `paired`, `segment`, `texts` and `lookup` are pure;
`compiled/` is `listing` once more, in C; `database` is the file `search.db` in the account's folder, and
`manifest` what a segment says of itself in it; `writer` and `catching_up` fill it, `reader` reads it, and
`expecting` has it read before it is asked for.

Rules of the place:
- Brute force over `message.searchable` is the truth; every answer is exactly that.
- Everything here can be rebuilt from the account, and is, whenever it is missing, damaged, of another
  version or another lineage. `mail.db` knows nothing of it.
- Only what is on disk in `mail.db` is indexed: else a power cut could give its numbers to other mail.
- The index is behind delivery. Who searches looks himself into what it does not hold yet.
"""
