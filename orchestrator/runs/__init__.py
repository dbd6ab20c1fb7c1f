"""A suite carried out on devices."""
