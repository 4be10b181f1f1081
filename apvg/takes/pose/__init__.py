"""Pose trackers: from frames to the keypoints of a skeleton."""
