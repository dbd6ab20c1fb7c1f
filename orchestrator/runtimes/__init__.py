"""What is known of every runtime."""
