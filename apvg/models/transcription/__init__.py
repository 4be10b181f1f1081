"""From sound to notes."""
