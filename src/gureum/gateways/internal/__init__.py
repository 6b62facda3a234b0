"""How our own processes talk to each other: HTTP over unix sockets that only the data folder's owner can reach."""
