"""Which messages match a search tree (`model.search`): one evaluator for every front end.

`planner` goes through the tree from cheap to dear, so that a key only looks at what the keys beside it have
left; `rows` decides by columns of the database, `texts` by the index, the kept texts and the messages
themselves; `arrived` by fields that are kept beside mail the index does not hold yet; `emails` knows which
email each message of a mailbox is.

Rules of the place:
- The answer is exactly what brute force over `message.searchable` says. A message that cannot be read has
  no text. Which messages are expunged is the caller's to know: his candidates do not name them.
- Nothing takes longer than `turns.SLICE` in one piece, and each read is a transaction of its own.
"""
