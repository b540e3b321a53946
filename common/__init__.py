"""What stages and app share.

Contracts (tables), images, files, metrics and drawing: these decide what a stage writes, and stand
in dvc.yaml. And the frame, which does not: command line, errors, parameters and their schema,
timing. It decides whether a stage runs and what it says, but no byte of what it writes, times in
the report apart.
"""
