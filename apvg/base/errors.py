"""The one exception that is meant for the person at the keyboard."""


class ApvgError(Exception):
    """Something the user can act on: one line that says what failed, where, and what to do.

    The command line prints it as ``apvg: error: <message>`` and exits with status 1.
    """


class ApvgWarning(UserWarning):
    """Something the user should know though the work goes on; one line."""
