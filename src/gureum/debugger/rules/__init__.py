"""One file a rule: its constants, its texts, where they come from, and a pure function from a recording to evidence."""
