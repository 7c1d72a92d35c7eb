"""One file a command, loaded when it is called. Each has `add_arguments(parser)` and `run(arguments)`."""
