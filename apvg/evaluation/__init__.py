"""How good is a performer? Figures with their sources, the degenerate answers beside them, and a report."""
