"""`python -m pillarbox`."""

from pillarbox.app.cli import main

main()
