"""A fuzzer over what comes from outside: requests, answers, files and command lines.

`targets.TARGETS` is the table of what is fuzzed, `mutation` alters the seeds of a target, `runner` runs cases
and tells what a bad one was. `tests/test_fuzz.py` runs some cases of each, always the same ones; `make fuzz`
as many as fit into its seconds, of a seed that it prints.
"""
