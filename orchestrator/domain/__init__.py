"""Frozen values that the rest of the controller passes around."""
