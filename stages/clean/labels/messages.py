"""Quotations for messages: the first few of many lines or names, and a sign that more follow."""

QUOTED = 5


def quote_lines(lines: list[str]) -> str:
    """The first few lines, one below the other, and how many follow."""
    more = [f"... and {len(lines) - QUOTED:,} more"] if len(lines) > QUOTED else []
    return "\n  " + "\n  ".join(lines[:QUOTED] + more)


def quote_names(names: list[str]) -> str:
    """The first few names, separated by commas; "" for none."""
    return ", ".join(names[:QUOTED]) + (", ..." if len(names) > QUOTED else "")
