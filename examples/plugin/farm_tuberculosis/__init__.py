"""A plug-in for farm."""
