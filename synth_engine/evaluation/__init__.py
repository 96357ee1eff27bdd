"""Quality and privacy of synthetic rows, measured against real ones."""
