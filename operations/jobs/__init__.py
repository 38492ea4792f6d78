"""Long jobs: what each kind does, and the process that does them one after the other."""
