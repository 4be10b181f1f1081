"""Sound: reading any file, and the one feature front end of KHP and CVG."""
