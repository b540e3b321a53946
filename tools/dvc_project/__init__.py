"""The project as DVC and git see it: the only place in tools/ that runs either."""
