"""The command line: parse, one call, print. One file for each command."""
