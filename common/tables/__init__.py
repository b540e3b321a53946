"""Tables between stages: columns, types, and the only code that reads and writes them.

Every reader checks the columns, so that a stage stops at its door when a table is not what the
stage before promised. A file for each table, so that a change of one re-runs only the stages that
read or write it.
"""
