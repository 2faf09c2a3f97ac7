"""Every limit on what a client may write, once, with its reason.

The session gives the line limits to the net driver and checks a literal's size before it asks for the
octets; the parsers bound only what a line of legal length could still blow up.
"""

# RFC 9051 4.3 and 7888 4 leave lengths to the server; RFC 2683 3.2.1.5 asks clients for at most 1,000 and
# servers for at least 8,000 octets. Real clients write long UID sets: 64 KiB holds some 8,000 ranges.
LINE_BEFORE_LOGIN = 8 * 1024
LINE = 64 * 1024

# Literals in commands other than APPEND, all of one command together: mailbox names, passwords, needles.
LITERAL_BEFORE_LOGIN = 4 * 1024
LITERALS = 64 * 1024
# All octets of one command outside APPEND's messages, so that many small literals cannot bypass LINE.
COMMAND = 128 * 1024

# RFC 5092: 32 levels of a mailbox name, 255 octets each, every one of them behind a percent sign.
URL = 32 * 1024
URLS = 100  # of one GENURLAUTH or URLFETCH: each is looked up in an account of its own

NUMBER = 2**32 - 1  # RFC 9051 9: number, nz-number
NUMBER64 = 2**63 - 1  # RFC 9051 9: number64

SEARCH_DEPTH = 100  # parentheses, NOT and OR within each other; evaluation and hashing recurse over the tree
SEARCH_KEYS = 10_000  # of one command; as many as a line holds in practice, bounded all the same
SEARCH_SOURCES = 100  # of one ESEARCH; there are seven kinds
SEARCH_MAILBOXES = 1_000  # named by one ESEARCH
CANCELLED_TAGS = 1_000  # in one CANCELUPDATE; a session has far fewer contexts
FETCH_ITEMS = 1_000  # of one command
SECTION_DEPTH = 100  # part numbers in one section, as deep as messages are looked into
LIST_PATTERNS = 100  # of one LIST; every one is held against every mailbox
LIST_WILDCARDS = 20  # of one pattern; clients use two, and each makes matching dearer
COMPARATORS = 20  # of one COMPARATOR; there are three
SORT_CRITERIA = 50  # of one SORT; there are eleven, and repeats decide nothing
LIST_OPTIONS = 20  # more than there are; repeats are legal
STATUS_ITEMS = 50
OBJECT_IDS = 20  # in the OBJECTID parameter of SELECT; four keys are defined
MAX_USES = 20  # special uses in one CREATE
NOTIFY_GROUPS = 100  # of one NOTIFY; there are seven filters
NOTIFY_EVENTS = 20  # of one group; there are eight events
NOTIFY_MAILBOXES = 1_000  # named by one filter: every change looks through them
ID_FIELDS = 30  # RFC 2971 3.3: field-value pairs
STATUS_TEXT = 400  # octets of human text in a status response; clients show it in one dialogue line
