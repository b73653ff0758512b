"""Models behind one port: image → people with calibrated confidences."""
