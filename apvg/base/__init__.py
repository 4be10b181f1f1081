"""Foundations of all other packages: errors, configuration, files, processes, progress."""
