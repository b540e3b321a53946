"""A trained model in use: from Python, on the command line, over HTTP, in other formats."""
