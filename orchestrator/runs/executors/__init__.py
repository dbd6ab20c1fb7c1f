"""Ways to run the lanes of a plan."""
