"""What must a desktop for human agents get right, and does one?"""
