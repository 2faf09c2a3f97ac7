"""What mail is: names, numbers, flags, the search tree, rights, changes, errors.

Plain frozen data and pure functions. No IO, no clock, no randomness, and nothing from another room.
"""
