"""`queue.db`: mail that has been taken and is not yet where it belongs, and the record of what became of it.

    schema     its tables
    database   one connection; the queue as coroutines, with many changes in one commit
    entries    what goes in and comes out, as plain data
    waiting    verbs of what goes on by itself: put in, take out to deliver, settle
    asking     verbs of people: list, show, retry, hold, cancel, trace
    bell       how the process that delivers hears that there is something to do

A letter is a message with one sender; each of its recipients is a row that is deleted when it has been
delivered to or its sender told why not. The last one takes the letter with it, in one transaction with what
follows from that, such as a report to the sender. So whatever dies, nothing is in neither.
"""
