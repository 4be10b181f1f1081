"""Bowed instruments and how they are held, as data: another instrument is another of these, not
another program.

Lengths are metres. The world's axes: x to the right of the picture, y up, z towards the viewer; the
player faces the viewer, so the player's left is the picture's right. Measures are those of common
instruments; the pose is own choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from apvg.instruments.surface import Placement

#: Stops on a string that a player decides between: so many semitones from the open string on, and
#: by what: no finger, or one of four.
STOPS, FINGERS = 32, 5


@dataclass(frozen=True)
class HandFrame:
    """Where four fingers lie, in semitones above the first one's place on the string.

    Attributes:
        semitones: Of the fingers 1 to 4; None where that finger is not used.
        effort: What the fingering pays for it on every note.
        lowest, highest: Places of the first finger, semitones above the nut, where it is used.
    """

    semitones: tuple[int | None, ...]
    effort: float
    lowest: int
    highest: int


@dataclass(frozen=True)
class StringInstrument:
    """A bowed instrument with its strings named from the lowest to the highest.

    Attributes:
        name: What the command line calls it.
        open_pitches: MIDI pitch of each open string.
        reach: Semitones above the nut that are played at most.
        string_length: From the nut to the bridge.
        nut_spacing, bridge_spacing: From string to string.
        tilts: How the bow lies on each string, radians about the strings' direction; 0 is flat.
        bow_length: Of the hair.
        bow_used: Least and greatest place on the hair that touches the string, share of the hair
            from the frog.
        frames: What the left hand does.
        bridge: Middle of the bridge's top.
        along: From the bridge to the nut; made a unit vector.
        thumb_up: Semitones above the nut from which on the thumb lies on the strings.
        programs: General MIDI programs that sound like it.
    """

    name: str
    open_pitches: tuple[int, ...]
    reach: int
    string_length: float
    nut_spacing: float
    bridge_spacing: float
    tilts: tuple[float, ...]
    bow_length: float
    bow_used: tuple[float, float]
    frames: tuple[HandFrame, ...]
    bridge: tuple[float, float, float]
    along: tuple[float, float, float]
    thumb_up: int
    programs: tuple[int, ...]

    def place(self, corners_42: np.ndarray | None) -> Placement:
        """Where strings are a camera says, and no corners; see
        :class:`apvg.instruments.surface.Surface`."""
        return Placement()

    @property
    def decisions(self) -> tuple[int, ...]:
        """Which string is stopped where (string * STOPS + semitones above the open string), and by
        which finger."""
        return self.strings * STOPS, FINGERS

    @property
    def strings(self) -> int:
        """How many there are."""
        return len(self.open_pitches)

    @property
    def lowest(self) -> int:
        """MIDI pitch of the lowest note."""
        return self.open_pitches[0]

    @property
    def highest(self) -> int:
        """MIDI pitch of the highest note."""
        return self.open_pitches[-1] + self.reach

    @cached_property
    def axes_33(self) -> np.ndarray:
        """Rows: along the strings (to the nut), across them (to the highest), out of the instrument
        (to the viewer)."""
        along_3 = np.array(self.along) / np.linalg.norm(self.along)
        out_3 = np.array([0.0, 0.0, 1.0]) - along_3[2] * along_3
        out_3 /= np.linalg.norm(out_3)
        return np.stack([along_3, np.cross(along_3, out_3), out_3])

    def stop(self, semitones: np.ndarray | float) -> np.ndarray:
        """How far from the nut a string is stopped for so many semitones above it: L (1 -
        2^(-n/12)), metres."""
        return self.string_length * (1 - 2.0 ** (-np.asarray(semitones, np.float64) / 12))

    def semitones(self, stop: np.ndarray | float) -> np.ndarray:
        """Inverse of :meth:`stop`."""
        return -12 * np.log2(1 - np.asarray(stop, np.float64) / self.string_length)

    def on_string(self, string_X: np.ndarray, stop_X: np.ndarray) -> np.ndarray:
        """Points [..., 3] so far from the nut on strings (whole numbers; between them lie the
        points between)."""
        middle = (self.strings - 1) / 2
        aside_X = np.asarray(string_X, np.float64) - middle
        share_X = np.asarray(stop_X) / self.string_length
        across_X = aside_X * (self.nut_spacing + (self.bridge_spacing - self.nut_spacing) * share_X)
        # The bridge is round: outer strings lie lower, the more the nearer to it.
        out_X = -(aside_X**2) * 0.2 * self.bridge_spacing * share_X
        along_X = self.string_length - np.asarray(stop_X)
        local_X3 = np.stack([along_X, across_X, out_X], axis=-1)
        return np.array(self.bridge) + local_X3 @ self.axes_33

    def tilt(self, string_X: np.ndarray) -> np.ndarray:
        """How the bow lies on strings, radians; between two strings in proportion."""
        return np.interp(string_X, np.arange(self.strings), self.tilts)

    def place_bow(
        self,
        place_X: np.ndarray,
        string_X: np.ndarray,
        from_bridge_X: np.ndarray,
        lift_X: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The bow in space.

        Args:
            place_X: Where on the hair the string is, share of the hair from the frog.
            string_X: The string that the bow is on; between two strings while it crosses.
            from_bridge_X: Where it is on the string, metres from the bridge.
            lift_X: How far it is above the string, metres.

        Returns:
            Frog and tip of the hair [X, 2, 3], metres, and the unit vector from the hair to the
            stick [X, 3].
        """
        along_3, across_3, out_3 = self.axes_33
        tilt_X1 = self.tilt(string_X)[:, None]
        to_tip_X3 = np.cos(tilt_X1) * across_3 + np.sin(-tilt_X1) * out_3
        away_X3 = np.cos(tilt_X1) * out_3 + np.sin(tilt_X1) * across_3
        touched_X3 = self.on_string(string_X, self.string_length - from_bridge_X)
        touched_X3 = touched_X3 + lift_X[:, None] * away_X3
        frog_X3 = touched_X3 - place_X[:, None] * self.bow_length * to_tip_X3
        tip_X3 = frog_X3 + self.bow_length * to_tip_X3
        # The stick leans towards the fingerboard, so that the hair's edge draws the sound.
        stick_X3 = away_X3 + 0.35 * along_3
        stick_X3 /= np.linalg.norm(stick_X3, axis=-1, keepdims=True)
        return np.stack([frog_X3, tip_X3], axis=1), stick_X3


CELLO = StringInstrument(
    name="cello",
    open_pitches=(36, 43, 50, 57),
    reach=24,
    string_length=0.69,
    nut_spacing=0.0073,
    bridge_spacing=0.016,
    # Over an outer string the frog goes back and forth by half a bow's length, or the body would be
    # in the way.
    tilts=(-0.5, -0.17, 0.17, 0.5),
    bow_length=0.6,
    bow_used=(0.05, 0.86),
    frames=(
        HandFrame((0, 1, 2, 3), 0.0, 1, 11),
        HandFrame((0, 2, 3, 4), 0.5, 1, 11),
        HandFrame((0, 2, 4, None), 0.2, 9, 20),
        HandFrame((0, 1, 3, None), 0.25, 9, 21),
        HandFrame((0, 2, 3, None), 0.25, 9, 21),
    ),
    bridge=(0.0, 0.5, 0.32),
    along=(0.17, 0.93, -0.29),
    thumb_up=11,
    programs=(42,),
)

STRING_INSTRUMENTS = {instrument.name: instrument for instrument in (CELLO,)}
