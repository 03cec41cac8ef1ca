"""The one exception that a user of agentlab is meant to see."""


class AgentlabError(Exception):
    """A mistake in what was given, told in one sentence.

    The message names the argument, its value and what would be right. The command line prints it
    without a traceback and exits with code 2.
    """
