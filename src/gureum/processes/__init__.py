"""What runs: a supervisor and a few crash-only processes over one data folder."""
