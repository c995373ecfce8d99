"""Use cases. They see the ports only."""
