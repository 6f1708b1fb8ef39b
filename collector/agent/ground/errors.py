"""The agent's own errors. Neither is ever retried by itself: somebody has to change something."""


class ConfigurationError(Exception):
    """The agent cannot run as it was told to; the message says what to change."""


class ToolError(Exception):
    """A tool that we asked did not answer; the message is one line and holds no secret."""
