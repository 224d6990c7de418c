"""An HTTP request came: which figures does it ask for?"""
