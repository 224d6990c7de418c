"""How does analytics talk to its store?"""
