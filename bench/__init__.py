"""Benchmarks of the real thing: `./iot bench`. See README.md beside this file for how to read them."""
