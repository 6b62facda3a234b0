"""The doors: each translates one protocol to calls on the layers below, and decides nothing."""
