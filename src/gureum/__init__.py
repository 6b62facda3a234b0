"""gureum: streams, tables, SQL and machine learning that a team runs itself.

    import gureum
    g = gureum.connect()                      # the server of this folder, or GUREUM_URL and GUREUM_TOKEN
    g.stream("sensors").put({"device": "m1", "temp": 91.2})
    g.sql("SELECT * FROM readings").to_pandas()

Light to import: what is heavy is loaded when it is first used.
"""

__version__ = "0.1.0"
