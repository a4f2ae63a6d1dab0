"""Many samples, or many files, on many machines: pieces of work as tasks of a Ray cluster; free of torch.

A task may be begun more than once, because its worker may die. What it makes appears whole or not at all and does not
depend on who makes it, so that a second try changes nothing: the outcome is that of one process.
"""
