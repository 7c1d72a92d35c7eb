"""Where numbers become something to look at. A surface is given records; it fetches and computes nothing."""
