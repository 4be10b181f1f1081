"""Video: reading frames by time stamp, writing mp4 files with music, still images, and
compositing."""
