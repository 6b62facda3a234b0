"""Models behind endpoints: which version gets how much of the traffic, the workers that predict, what is kept of each request."""
