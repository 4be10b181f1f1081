"""The virtual musicians: generated music, motion and sound with exact ground truth."""
