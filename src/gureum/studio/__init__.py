"""Studio: serves the web application that was built into the package."""
