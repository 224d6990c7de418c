"""What does the gateway answer over HTTP?"""
