"""What should happen when a person takes, gives back or decides something?"""
