"""How good is a workflow, measured on a suite of cases, and is it worse than what was blessed?"""
