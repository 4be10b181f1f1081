"""Takes: recordings of one performer with frames, sound and keypoints on one clock, and how to make
them."""
