"""Training of the bundled face pack for simulated portraits; run by hand, never at installation (see README.md)."""
