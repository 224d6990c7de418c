"""A tool call was commanded: who does what?"""
