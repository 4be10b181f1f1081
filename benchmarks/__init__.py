"""How fast apvg is, stage by stage and file to file, beside what the machine could do: ``python -m benchmarks``."""
