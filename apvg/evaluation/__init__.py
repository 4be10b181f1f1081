"""How good is a performer? Figures with their sources, degenerate answers to compare with, and a
report."""
