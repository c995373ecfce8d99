"""Commands of the worker image."""
