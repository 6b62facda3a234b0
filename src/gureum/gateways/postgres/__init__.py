"""The BI door: PostgreSQL's wire protocol over the SQL service, with enough of its catalog for the tools that speak it."""
