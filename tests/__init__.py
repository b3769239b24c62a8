"""The tests: see tests/conftest.py for what they share."""
