"""What a domain publishes in the DNS so that its mail comes here and is believed elsewhere.

setup     what is known of a server and one domain of its
keys      the keys that sign its mail
records   what that domain is to publish
zone      the same as a fragment of a zone file (RFC 1035 5)
policy    the policy of MTA-STS (RFC 8461 3.2)
cost      how many questions an SPF record asks (RFC 7208 4.6.4)
judge     what it does publish, held against that
hosts     the same for the host and its addresses
senders   the same for what makes its mail believed: SPF, DKIM, DMARC
services  the same for what others are told of the server: MTA-STS, TLSRPT, SRV, names for configuration
finding   what was found of one record
fetch     the policy as the domain's web server has it
words     records and findings for people and for programs
"""
