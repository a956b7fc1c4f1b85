"""The dashboard: one static page over the stream, and the merging of many processes' streams (floor 6)."""
