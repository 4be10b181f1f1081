"""Figures: pure functions from keypoints, notes and pictures to numbers."""
