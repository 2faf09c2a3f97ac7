"""Where the concrete parts meet: configuration, wiring, the running server, the command line.

The only room that knows all the others, and that reads the clock, draws random numbers and prints.
"""
