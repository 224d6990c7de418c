"""What is the smallest program that the stack can run as a service?"""
