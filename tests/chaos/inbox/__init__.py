"""What holds when inboxes are killed under people who work?"""
