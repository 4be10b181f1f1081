"""What everything else stands on: errors, configuration, files, processes, progress."""
