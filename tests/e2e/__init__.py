"""Whole processes, killed and stopped."""
