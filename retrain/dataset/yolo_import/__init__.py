"""The import of labelled pictures in YOLO's layout, as `reviewed`, to learn from, or as `golden`, to judge by."""
