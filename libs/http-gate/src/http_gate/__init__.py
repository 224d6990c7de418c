"""What stands before every route of an HTTP API? Pieces in which a mistake would let a stranger in."""
