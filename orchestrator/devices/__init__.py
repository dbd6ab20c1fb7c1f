"""A device, from its first contact to being ready to measure."""
