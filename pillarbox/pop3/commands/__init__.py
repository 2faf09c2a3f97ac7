"""What each command does. The state it may come in is checked before, by the table's row."""
