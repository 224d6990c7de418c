"""How does a whole domain of customers fare with the system, and is what it says true?"""
