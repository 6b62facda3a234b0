"""Runtimes: locked Python environments by name, which tasks, kernels and models run in; installed by uv into the data folder."""
