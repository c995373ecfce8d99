"""The program that runs inside the sandbox: it runs the repository's tests and reports, and decides nothing.

It is sent as text (see `suite.program`), so its modules import only the standard library, pytest, coverage and one
another.
"""
