"""Who a message is really from: SPF, DKIM, DMARC, ARC, and how the findings are written down.

    dns question <- spf, dkim, dmarc, arc -> evidence -> verdict
                                          -> results (Authentication-Results)

Everything here is pure. Whatever a message or a DNS record contains, a judgement ends: with a result, never
with an exception, and after a number of questions and an amount of work that are bounded.
"""
