"""The SDK: what `gureum.connect()` gives. Speaks the REST door and loads nothing of the server."""
