"""What is found out about a stranger at the door, before any content: evidence, which the disposition judges.

reception  asks: the name of its address, block lists, the greylist
greylist   who has come before, in a database of the data folder
"""
