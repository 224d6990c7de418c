"""`hil report`: the figures of a period in one file that anybody can open, send and print."""
