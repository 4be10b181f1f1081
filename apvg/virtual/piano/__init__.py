"""The virtual pianist."""
