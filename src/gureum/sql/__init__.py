"""SQL: one service over tables (DuckDB reads, delta-rs writes), and `streaming`, the engine of standing queries."""
