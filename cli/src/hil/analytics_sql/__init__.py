"""How does an analyst ask in SQL, without reading or changing anything else?"""
