"""A run as one page that needs nothing beside it."""
