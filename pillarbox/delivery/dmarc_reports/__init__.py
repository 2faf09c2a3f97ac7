"""What was seen of mail that claims to be from a domain, reported to it once a day (RFC 9990, RFC 7489 7.2).

seen      `dmarc.db`: what was seen, by day and domain, counted by each worker
letter    the message that carries a report
sending   a finished day's reports into the queue, once
"""
