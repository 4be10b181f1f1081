"""How fast apvg is, stage by stage and file to file, compared with what the machine could do:
``python -m benchmarks``."""
