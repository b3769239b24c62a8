"""Input and circumstances that want to break us."""
