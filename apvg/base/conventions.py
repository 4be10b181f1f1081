"""The conventions that all of apvg keeps, each stated once.

- Pixels: (0, 0) is the outer corner of the top left pixel, x goes right and y down, so a picture
  spans 0..width and 0..height, and the first pixel's centre lies at (:data:`PIXEL_CENTRE`,
  :data:`PIXEL_CENTRE`). Takes, keypoint files, heatmaps and drawings all do so.
- Grid: the coarse video, the heatmaps and the STU's stem have cells of :data:`STRIDE` pixels; cell
  i covers pixels [i * STRIDE, (i + 1) * STRIDE).
- Time: second 0 is the first frame and the first sample; frame t lies at t / fps seconds. Takes and
  performers have :data:`FPS` frames per second unless somebody asks for others.
- Sound: samples are resampled by one function alone, :func:`apvg.music.resampling.resample`, so
  that training, evaluation and use get the same samples.
- Pitch: MIDI numbers; the networks' pitch axis is :mod:`apvg.instruments.pitch_grid`'s.
"""

from __future__ import annotations

#: Where the first pixel's centre lies, pixels.
PIXEL_CENTRE = 0.5
#: Pixels per cell of the grid that the coarse video, the heatmaps and the STU's stem share.
STRIDE = 4
#: Frames per second of takes and performers, where none are asked for.
FPS = 25
