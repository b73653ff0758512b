"""What every program of Nunchi agrees on: names, messages, labels, settings.

Standard library only, and it imports none of the other packages: a Lambda zip is this folder and one file.
"""
