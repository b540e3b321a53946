"""Exception for errors that the user can mend, and quotations for its messages."""


class StageError(Exception):
    """An error outside the code: in data, parameters, network or disk.

    The message names the thing, says what was expected and what was received, and how to
    mend it. `common.cli.run` prints it without a traceback and exits with status 1.
    Anything else that escapes a stage is a bug of ours and keeps its traceback.
    """


QUOTED = 5


def quote_lines(lines: list[str]) -> str:
    """The first few lines, one below the other, and how many follow."""
    more = [f"... and {len(lines) - QUOTED:,} more"] if len(lines) > QUOTED else []
    return "\n  " + "\n  ".join(lines[:QUOTED] + more)


def quote_names(names: list[str]) -> str:
    """The first few names, separated by commas; "" for none."""
    return ", ".join(names[:QUOTED]) + (", ..." if len(names) > QUOTED else "")
