"""Engines: design → draws, with an honest account of how good they are."""
