"""Which servers and services can the `hil` command run by itself?"""
