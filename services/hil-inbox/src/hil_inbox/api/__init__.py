"""An HTTP request came: which message is it?"""
