"""The command line: names of commands, their options and help texts; `pulmo.commands` has what they do.

The modules behind the commands are imported inside them, so that `score` does not load what `run` needs.
"""
