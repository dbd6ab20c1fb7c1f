"""What measurements say."""
