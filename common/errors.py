"""Exception for errors that the user can mend."""


class StageError(Exception):
    """An error outside the code: in data, parameters, network or disk.

    The message names the thing, says what was expected and what was received, and how to
    mend it. `common.cli.run` prints it without a traceback and exits with status 1.
    Anything else that escapes a stage is a bug of ours and keeps its traceback.
    """
