"""The simulated world: its objects, what happens to them, and their usage."""
