"""Lines to commands, replies to lines. Pure: no IO, no state."""
