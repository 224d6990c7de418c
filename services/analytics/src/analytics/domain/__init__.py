"""What is counted, and how do counts become figures?"""
