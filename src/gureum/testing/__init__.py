"""The public test kit: a manual clock, a store that forgets what was not synced, a running platform."""
