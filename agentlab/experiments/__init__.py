"""What a command does, callable from Python too: runs, recipes and searches."""
