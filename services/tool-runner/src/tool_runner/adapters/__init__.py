"""How do we talk to tool servers, Redis and the bucket of tools?"""
