"""What do tests of several kinds share?"""
