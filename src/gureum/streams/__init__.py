"""Streams: ordered, sharded, durable logs of records. Put a record, read from a position; knows no SQL.

`reader.ShardReader` reads in any process; `writer.LogWriter` writes in one; `streams.Streams` is the noun over the catalog.
"""
