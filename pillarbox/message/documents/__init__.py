"""The text of attached documents: octets in, text out; of broken ones as much as could be read.

What is read here was written by strangers, with libraries that were not made to withstand them. Who calls
`text.text_of` does so in a process that may run out of memory and time (`app.documents`); all others know
`kinds` only.
"""
