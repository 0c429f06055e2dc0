"""`python -m imageloop` is the command `imageloop`."""

from imageloop.cli import main

main()
