"""Figures: pure functions from keypoints, notes and pictures to typed results."""
