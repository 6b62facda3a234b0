"""The REST door: JSON, Arrow and server-sent events for Studio, the SDK and the command line."""
