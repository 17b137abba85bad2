"""Measure whether a generated face is still the same person, and drive generation until it is."""
