"""One file a command. A command reads its arguments, calls what does the work, and prints."""
