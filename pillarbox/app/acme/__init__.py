"""Certificates from an authority that speaks ACME (RFC 8555), ordered and renewed by the server itself.

files      what is kept in the data folder, and how things stand
schedule   when the next order is due; pure
responder  answers the authority's visit (http-01), in every worker
places     where that is done by a listener of its own
order      one order, in a process that lives as long as it: it has the libraries for HTTPS and JOSE
renewing   waits until it is time, has it ordered, and hands the new certificate to the server
talk       what the last two say to each other
"""
