"""Ways to walk the lanes of a plan."""
