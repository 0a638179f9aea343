"""What runs in, or watches, an evaluating process."""
