"""Measures Pillarbox beside Dovecot: same machine, same client code, same messages, one run.

Only ratios inside one run count; absolute times move by a third between runs.
"""
