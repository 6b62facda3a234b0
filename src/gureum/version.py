"""The version of this gureum, by itself so that every layer may say it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
