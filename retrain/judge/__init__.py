"""Candidate against incumbent, on photos that a person has checked."""
