"""Fuzzers of everything that farm reads and a stranger may have written."""
