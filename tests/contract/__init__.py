"""Golden bytes on the wire."""
