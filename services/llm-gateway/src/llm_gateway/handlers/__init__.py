"""A request for a completion came: who does what?"""
