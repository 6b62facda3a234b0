"""One module for each claim: `python -m benchmarks.<name> [--quick]`; the last line of its output is JSON."""
