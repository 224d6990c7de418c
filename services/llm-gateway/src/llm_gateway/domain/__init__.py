"""What should happen to a request for a completion?"""
