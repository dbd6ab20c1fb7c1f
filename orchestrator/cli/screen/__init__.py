"""What a person sees of a command while it works."""
