"""The page of `nunchi try`: a picture goes the real way of a photo, and its answers come back in words.

server.py   the page's HTTP, on this machine only
page/       the page
"""
