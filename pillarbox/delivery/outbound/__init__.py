"""Mail to other systems.

hosts         which hosts take mail for a domain, in which order (RFC 5321 5.1)
conversation  one SMTP connection as a client
schedule      when to try again, and when to give up
reports       delivery status notifications (RFC 3461, 3464)
runner        takes from the queue what is due, and settles it
"""
