"""How are entities' accounts at other apps connected, kept secret and kept fresh?"""
