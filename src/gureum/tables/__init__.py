"""Delta tables: read a snapshot, commit a change. Knows no streams and no SQL."""
