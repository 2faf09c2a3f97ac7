"""Judging messages, touching nothing: what a judgement needs from outside is asked for or passed in."""
