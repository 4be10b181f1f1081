"""Music: sound and notes, read, written and made into features."""
