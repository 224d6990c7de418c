"""A message came: who does what?"""
