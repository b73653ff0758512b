"""What only the kiosk's recipe needs of a worker: its detectors of people, and what becomes of them.

detector.py      the port to them: images → people with labels
cascade.py       the model of day 0: its networks are in age_gender.py, its formulas in calibration.py
yolo.py          what a retraining makes
ensemble.py      several of these
kinds.py         from a manifest to one of them
predicted.py     people → what worker.models.predict writes
decision.py      people → customer, label, message
"""
