"""How often the model monitor alarms in clean windows, and how often it finds a drift: `python -m benchmarks.monitor`."""
