"""The authorization server: what RFC 6749 and those around it have programs and browsers ask."""
