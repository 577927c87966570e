"""`python -m gateway_project` is the command `tollkeeper`."""

from gateway_project.cli import main

main()
