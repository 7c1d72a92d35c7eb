"""Text for a terminal: tables, plots, and what the console that we print to can show."""
