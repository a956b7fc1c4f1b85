"""The numbers, live (floor 6)."""
