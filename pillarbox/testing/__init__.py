"""A running server for test suites."""
