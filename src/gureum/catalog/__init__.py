"""Names to things, and who may do what with them: `Catalog.resolve` is the one door to every named thing."""
