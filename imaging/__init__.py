"""Pictures that enter: decoding, whether they are whole, and what of them is stored. The same rules at every entrance.

imaging/decoding.py    bytes → upright RGB image, or the reason why the picture is rejected
imaging/jpeg.py        the segments of a JPEG: its size, whether a scan is missing, the file without metadata
imaging/png.py         the chunks of a PNG: whether one is damaged
imaging/heic.py        a phone's HEIC → JPEG; on the operator's side only
"""
