"""How does the gateway talk to providers, the log, the tools bucket and its model table?"""
