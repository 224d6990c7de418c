"""How does the inbox talk to its store?"""
