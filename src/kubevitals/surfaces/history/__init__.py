"""History shown: as a summary, a plot, a document for programs, a file. It must not know where it is kept."""
