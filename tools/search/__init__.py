"""A budgeted search for better settings of the head and its training, on cached maps."""
