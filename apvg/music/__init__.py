"""Music: reading and writing audio and notes, and computing features."""
