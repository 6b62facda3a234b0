"""Ground: the metadata database, durable files and objects. Knows no noun of the platform."""
