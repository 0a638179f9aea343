"""What runs in an evaluating process."""
