"""Runtimes brought to a device."""
