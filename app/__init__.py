"""The saved model in use: on the command line, in the browser, exported to other formats."""
