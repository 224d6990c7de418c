"""Analytics on a real bus."""
