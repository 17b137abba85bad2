"""Lets ``python -m personalab_core.cli`` do what the console command does."""

from personalab_core.cli.entry import main

main()
