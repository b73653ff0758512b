"""One training run: dataset → YOLOv5 → judgement → promotion. `python -m retrain --help`."""
