"""Standing queries: a small, vectorised streaming SQL engine with event time, windows and exactly-once sinks.

A text in our subset of Flink SQL is planned (`planner`), run in micro-batches of Arrow (`pipeline`), and committed in epochs
(`query`, `checkpoint`, `sinks`); `host` runs many queries in one process. Rows come from a stream or from files (`sources`).
"""
