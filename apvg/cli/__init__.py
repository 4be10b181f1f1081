"""The command line: one small file per verb, each a frozen dataclass whose ``run`` does the work."""
