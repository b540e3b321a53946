"""Uses of a trained model: from Python, on the command line, over HTTP, in other formats."""
