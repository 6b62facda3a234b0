"""Experiments, runs and models: MLflow's store, hosted, with our catalog at its door. Loads MLflow only where it must."""
