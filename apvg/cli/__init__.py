"""The command line: one small file for each verb: a frozen dataclass of options with a ``run``
method."""
