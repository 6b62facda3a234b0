"""PyTorch's adapter. Loads torch: import it only where a torch model is at hand."""
