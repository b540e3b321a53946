"""Two or more finished experiments on the same pictures, compared pair by pair."""
