"""The training debugger against programs with one known fault, and against healthy ones. See `__main__`."""
