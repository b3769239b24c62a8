"""The thinking of the house: pure functions and facts; no I/O, no clock, imports nothing of ``app`` but itself."""
