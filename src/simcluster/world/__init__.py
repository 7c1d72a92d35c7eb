"""What is simulated: objects, their life and their usage. It knows nothing of HTTP."""
