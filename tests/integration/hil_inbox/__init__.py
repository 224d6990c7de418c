"""The inbox on a real bus."""
