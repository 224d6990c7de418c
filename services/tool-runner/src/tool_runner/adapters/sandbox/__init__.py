"""How is code that nobody trusts run on this machine?"""
