"""The version of apvg."""

__version__ = "0.1.0"
