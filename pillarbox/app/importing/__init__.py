"""Mail that other programs left in files, read one letter at a time: mbox, Maildir, .eml.

Readers only read: they change nothing, convert no line ends and hold no whole message. What they say of
a message (its mailbox, flags, date) comes from the container, never from a guess about the content.
"""
