"""The messages, subjects and streams that are all the services know of each other."""
