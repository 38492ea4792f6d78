"""The command line: commands, words, tables. No rules."""
