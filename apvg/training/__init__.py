"""Training: one trainer per stage, the loop and the checkpoints that they share."""
