"""What do subscribers of the feed know when everything around them is killed?"""
