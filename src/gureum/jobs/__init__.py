"""Work that takes long, done for a user by a process of its own: the queue, and who runs what is in it."""
