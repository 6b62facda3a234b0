"""`gureum demo`: real machine temperatures through the whole platform, and a check that every window is right."""
