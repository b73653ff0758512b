"""Models behind one port: from a picture to people, with calibrated confidences."""
