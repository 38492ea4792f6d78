"""The command line of guanxi and the local stack beneath it."""
