"""Drawn eyes of dogs and cats, each with a sign or without: labelled pictures for the recipe `pet-eye`.

No free photos of such eyes exist. The drawings are a task of the same form, and say nothing about real animals.

animal.py       one animal: coat, iris, lids
canvas.py       places of a picture in units of the eye, and the noise that things are made of
eye.py          lids, fur, eyeball, iris, pupil
signs.py        what is drawn for each sign
photo.py        a picture as a phone takes it: pose, light, blur, JPEG
folder.py       a folder of pictures and label files
sheet.py        the contact sheet of docs/recipes
"""
