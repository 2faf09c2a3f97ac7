"""Lines to commands, answers to octets. Pure: no IO, no state beyond the octets of one message."""
