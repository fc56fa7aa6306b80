"""The base of what can go wrong outside of this package."""


class Refused(Exception):
    """The message says for people what is wrong and what to do; no stack trace is needed."""
