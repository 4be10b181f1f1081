"""What all virtual musicians share: composing, and recording."""
