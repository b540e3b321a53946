"""Two or more finished experiments on the same images, compared pair by pair."""
