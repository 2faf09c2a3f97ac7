"""Every limit on what is looked at inside a message. They are part of the stored format: the same in
FETCH, BINARY, SEARCH and JMAP, so a change needs a new `DERIVED_VERSION`."""

MAX_DEPTH = 100  # levels of multipart and message/rfc822; deeper ones are opaque leaves
MAX_PARTS = 10_000  # the last part that is counted swallows the rest of the message
MAX_FIELDS = 10_000  # header fields of one header that count; later ones are only served as bytes
MAX_HEADER = 1 << 23  # octets of one header that are parsed
MAX_FIELD = 1 << 18  # octets of one field value that are parsed; some 8,000 addresses
MAX_ADDRESSES = 10_000  # of one field, groups' marks counted
MAX_FALSE_DELIMITERS = 1_000_000  # lines that begin like a delimiter and are none; then none are sought
MAX_BOUNDARY = 1_000  # RFC 2046 5.1.1 says 70
MAX_PARAMETERS = 1_000  # of one Content-Type or Content-Disposition
MAX_PREVIEW_SOURCE = 1 << 16  # octets of a body that PREVIEW looks at
MAX_SEARCHED = 1 << 24  # octets of text in one message that SEARCH looks at: a long book is 1 to 3 MB
MAX_ENCODED_DEPTH = (
    4  # messages in messages, each in base64 or the like, that SEARCH looks into: each is a copy
)
MAX_DOCUMENT = 1 << 25  # octets of an attached file, encoded, that is read for its text
MAX_DOCUMENTS = 20  # of one message
MAX_DOCUMENT_TEXT = 1 << 22  # characters of one document
MAX_UNPACKED = 1 << 26  # octets that the members of one archive unpack to
MAX_PAGES = 2_000  # of a PDF
MAX_SORT_TEXT = 500  # characters of a text that SORT and THREAD compare: they hold those of a whole mailbox
MAX_REFERENCES = 100  # kept ids of a References field

# Values that come again and again (the same correspondents, types, threads) are parsed once. Their memory
# is bounded: no key is longer, and no memo holds more.
MEMO_ENTRIES = 2_048
MEMO_KEY = 256
