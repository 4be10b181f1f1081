"""Train the fingering stage and write its weights.

    python scripts/train_fingering.py beringer.csv LIEDER

The fingers are learnt from exercises with their taught fingers (a table as for
`measure_fingering.py`), the hands from songs in MusicXML whose piano parts have two staves, from
the same exercises, and from pieces of the virtual pianist. The weights that ship are from the 44
exercises of Beringer & Dunhill (1900) and 78 songs of OpenScore Lieder (CC0); it takes 25 minutes
of one core.
"""

from __future__ import annotations

import argparse
import copy
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from measure_fingering import Exercise, read_exercises
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.base.files import atomic_path
from apvg.base.progress import track
from apvg.cli.progress import progress_bars
from apvg.models.fingering.fingers import (
    FINGERS,
    FURTHEST,
    PASSED,
    STEPS,
    FingerModel,
    as_right_hand,
)
from apvg.models.fingering.hands import WINDOW, HandTagger, HandTaggerConfig
from apvg.models.fingering.planner import WEIGHTS, FingeringModel
from apvg.virtual.piano.hands import load_hand
from apvg.virtual.piano.scores import compose
from apvg.virtual.piano.styles import HELD_OUT_STYLES, STYLES

TARGET = Path(__file__).parents[1] / "apvg" / "models" / "fingering" / WEIGHTS
# Of the fingers: steps, exercises a step, learning rate, weight of squares, longest excerpt, share
# of short excerpts and their lengths, and the scale and the most of measured strain.
FINGER_STEPS, FINGER_BATCH, FINGER_RATE, SQUARES = 1000, 44, 0.08, 5e-4
LONGEST, SHORT_SHARE, SHORT = 45, 0.75, (9, 18)
STRAIN_SCALE, MOST_STRAIN = 0.15, 6.0
# Of the hands: steps, excerpts a step, learning rate, weight decay, and shares of exercises, of
# composed pieces, and of hands of two songs put together.
HAND_STEPS, HAND_BATCH, HAND_RATE, DECAY, DROPOUT = 2800, 12, 2e-3, 0.1, 0.15
EXERCISES, COMPOSED, MIXED = 0.18, 0.2, 0.35
PIECES = 6
#: Look-aheads of a note, seconds.
LOOKAHEADS = (0.12, 0.3, 1.0, 2.0, 9.0)
STEP_NAMES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@progress_bars()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("songs", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    exercises = read_exercises(arguments.table)
    model = FingeringModel()
    model.fingers = train_fingers(exercises)
    songs = [song for path in sorted(arguments.songs.glob("*.mxl")) if (song := read_song(path))]
    model.hands = train_hands(songs, exercises)
    with atomic_path(TARGET, force=True) as partial:
        save_file({k: v.half().contiguous() for k, v in model.state_dict().items()}, partial)


# ----------------------------------------------------------------------------------------
# fingers


@dataclass(frozen=True)
class Taught:
    """An exercise as a right hand plays it, with the fingers of each alternative."""

    x_N: Tensor
    black_N: Tensor
    finger_AN: Tensor


def train_fingers(exercises: Sequence[Exercise], seed: int = 0) -> FingerModel:
    """The tables that make the taught fingers most probable."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    taught = [as_taught(exercise) for exercise in exercises]
    model = FingerModel()
    model.strain_SCCFG.copy_(measured_strain())
    optimizer = torch.optim.Adam(model.parameters(), lr=FINGER_RATE)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, FINGER_RATE, total_steps=FINGER_STEPS)
    for _ in track(range(FINGER_STEPS), "fingers", FINGER_STEPS):
        chosen = random.choice(len(taught), min(FINGER_BATCH, len(taught)), replace=False)
        loss = surprise(model, [excerpt(taught[index], random) for index in chosen])
        squares = sum(weights.square().sum() for weights in model.parameters())
        optimizer.zero_grad()
        (loss + SQUARES * squares / len(taught)).backward()
        optimizer.step()
        rate.step()
    return model


def as_taught(exercise: Exercise) -> Taught:
    """An exercise without the notes of which no finger is taught."""
    known_N = (np.array(exercise.taught) >= 0).all(axis=0)
    time_N = np.arange(int(known_N.sum())) * 1.0
    keys = as_right_hand(exercise.pitch_N[known_N], time_N, time_N, exercise.side)
    fingers_AN = np.array([finger_N[known_N] for finger_N in exercise.taught])
    return Taught(
        torch.from_numpy(keys.x_N).float(),
        torch.from_numpy(keys.black_N),
        torch.from_numpy(fingers_AN),
    )


def excerpt(taught: Taught, random: np.random.Generator) -> Taught:
    """A part of an exercise: short ones at random, or the beginning, the end or the midst."""
    notes = len(taught.x_N)
    first, last = 0, notes
    if notes > LONGEST:
        first = int(random.choice([0, notes - LONGEST, random.integers(0, notes - LONGEST + 1)]))
        last = first + LONGEST
    if random.random() < SHORT_SHARE:
        length = int(random.integers(SHORT[0], max(SHORT[0] + 1, min(notes, SHORT[1]))))
        first = int(random.integers(0, notes - length + 1))
        last = first + length
    part = slice(first, last)
    return Taught(taught.x_N[part], taught.black_N[part], taught.finger_AN[:, part])


def measured_strain() -> Tensor:
    """How unusual two fingers on two keys are for measured hands: [S, C, C, F, G]."""
    hand, middle = load_hand(), 20.0
    strain_SCCFG = np.zeros((STEPS, 2, 2, FINGERS, FINGERS))
    for step, before, after, f, g in np.ndindex(strain_SCCFG.shape):
        if f == g:
            strain_SCCFG[step, before, after, f, g] = 0 if step == FURTHEST else 8
            continue
        places = [
            (middle, hand.strike_y(f, bool(before))),
            (middle + step - FURTHEST, hand.strike_y(g, bool(after))),
        ]
        fingers, places_22 = (f, g), np.array(places)
        if f > g:
            fingers, places_22 = (g, f), places_22[::-1]
        strain_SCCFG[step, before, after, f, g] = hand.over(fingers, places_22).strain
    return torch.from_numpy(np.minimum(STRAIN_SCALE * strain_SCCFG, MOST_STRAIN)).float()


def surprise(model: FingerModel, batch: Sequence[Taught]) -> Tensor:
    """Mean negative log-probability of taught fingers for each note; of several alternatives,
    that any of them is played (forward algorithm)."""
    length_B = torch.tensor([len(one.x_N) for one in batch])
    notes, ways = int(length_B.max()), max(len(one.finger_AN) for one in batch)
    x_BN = torch.zeros(len(batch), notes)
    black_BN = torch.zeros(len(batch), notes, dtype=torch.long)
    finger_BAN = torch.zeros(len(batch), ways, notes, dtype=torch.long)
    missing_BA = torch.full((len(batch), ways), -1e9)
    for place, one in enumerate(batch):
        count = len(one.x_N)
        x_BN[place, :count], black_BN[place, :count] = one.x_N, one.black_N
        finger_BAN[place, : len(one.finger_AN), :count] = one.finger_AN
        missing_BA[place, : len(one.finger_AN)] = 0
    scores = Scores(model, x_BN, black_BN, length_B)
    of_ways = torch.stack([scores.of(finger_BAN[:, way]) for way in range(ways)], dim=1)
    return ((scores.of_all() - torch.logsumexp(of_ways + missing_BA, dim=1)) / length_B).mean()


class Scores:
    """Scores of fingers for a batch of melodies that are padded to one length."""

    def __init__(
        self, model: FingerModel, x_BN: Tensor, black_BN: Tensor, length_B: Tensor
    ) -> None:
        self._singles_BNF = model.singles(black_BN)
        self._pairs_BNFG = model.pairs(x_BN, black_BN)
        self._triples_BNFGH = model.triples(x_BN, black_BN)
        away_BN = x_BN.diff(dim=1)
        self._way_BN = torch.where(away_BN.abs() < 0.2, 1, torch.where(away_BN > 0, 2, 0))
        self._memory_BNFGMN = model.memory()[self._way_BN]
        self._follows_WFGMN = model.follows_WFGMN
        self._each_B, self._length_B = torch.arange(len(x_BN)), length_B
        self._first_BF = model.first_CF[black_BN[:, 0]]
        self._last_BF = model.last_CF[black_BN[self._each_B, length_B - 1]]

    def of_all(self) -> Tensor:
        """The logarithm of the sum over all fingers, [B]."""
        alpha_BFG = (self._first_BF + self._singles_BNF[:, 0])[:, :, None] + self._pairs_BNFG[:, 0]
        alpha_BFG = alpha_BFG + self._singles_BNF[:, 1][:, None]
        alpha_BFGM = alpha_BFG[..., None] + self._memory_BNFGMN[:, 0, :, :, 0]
        alphas = [alpha_BFGM]
        for n in range(2, self._singles_BNF.shape[1]):
            longer = alpha_BFGM[:, :, :, None] + self._triples_BNFGH[:, n - 2][..., None]
            next_BGHM = torch.logsumexp(longer, dim=1)
            own_BGH = self._pairs_BNFG[:, n - 1] + self._singles_BNF[:, n][:, None]
            kept = (next_BGHM + own_BGH[..., None])[..., None] + self._memory_BNFGMN[:, n - 1]
            alpha_BFGM = torch.logsumexp(kept, dim=3)
            alphas.append(alpha_BFGM)
        ends_BFGM = torch.stack(alphas, dim=1)[self._each_B, self._length_B - 2]
        return torch.logsumexp((ends_BFGM + self._last_BF[:, None, :, None]).flatten(1), dim=1)

    def of(self, finger_BN: Tensor) -> Tensor:
        """The score of these fingers, [B]."""
        b, n = self._each_B[:, None], torch.arange(finger_BN.shape[1])[None]
        there_BN = (n < self._length_B[:, None]).float()
        one, two, three = finger_BN, finger_BN[:, 1:], finger_BN[:, 2:]
        memory_BN = self._memory_of(finger_BN)
        pair, triple = n[:, :-1], n[:, :-2]
        memories = memory_BN[:, :-1], memory_BN[:, 1:]
        total_B = (self._singles_BNF[b, n, one] * there_BN).sum(1)
        steps_BN = self._pairs_BNFG[b, pair, one[:, :-1], two]
        steps_BN = steps_BN + self._memory_BNFGMN[b, pair, one[:, :-1], two, *memories]
        total_B = total_B + (steps_BN * there_BN[:, 1:]).sum(1)
        turns_BN = self._triples_BNFGH[b, triple, one[:, :-2], two[:, :-1], three]
        total_B = total_B + (turns_BN * there_BN[:, 2:]).sum(1)
        last_B = finger_BN[self._each_B, self._length_B - 1]
        return (
            total_B + self._first_BF[self._each_B, one[:, 0]] + self._last_BF[self._each_B, last_B]
        )

    def _memory_of(self, finger_BN: Tensor) -> Tensor:
        """Which finger the thumb passed last, at every note."""
        follows_BNMN = self._follows_WFGMN[self._way_BN, finger_BN[:, :-1], finger_BN[:, 1:]]
        after_BNM = follows_BNMN.long().argmax(-1)
        memories = [torch.zeros_like(finger_BN[:, 0])]
        for n in range(after_BNM.shape[1]):
            memories.append(after_BNM[self._each_B, n, memories[-1]])
        assert after_BNM.shape[-1] == PASSED
        return torch.stack(memories, dim=1)


# ----------------------------------------------------------------------------------------
# hands


@dataclass
class Song:
    """Notes whose hands are known, in the order of their onsets; 0 is the left hand."""

    onset_N: np.ndarray
    offset_N: np.ndarray
    pitch_N: np.ndarray
    hand_N: np.ndarray

    def __len__(self) -> int:
        return len(self.onset_N)

    def of(self, chosen: slice | np.ndarray) -> Song:
        return Song(
            self.onset_N[chosen].copy(),
            self.offset_N[chosen].copy(),
            self.pitch_N[chosen].copy(),
            self.hand_N[chosen].copy(),
        )

    def sorted(self) -> Song:
        return self.of(np.lexsort((self.pitch_N, np.round(self.onset_N, 3))))

    def at(self, tempo: float) -> Song:
        """From its first note on, `tempo` times as long."""
        length_N = (self.offset_N - self.onset_N) * tempo
        onset_N = (self.onset_N - self.onset_N[0]) * tempo
        return Song(onset_N, onset_N + length_N, self.pitch_N, self.hand_N)

    def higher(self, semitones: int) -> Song:
        return Song(self.onset_N, self.offset_N, self.pitch_N + semitones, self.hand_N)


def together(one: Song, other: Song) -> Song:
    """The notes of both."""
    names = ("onset_N", "offset_N", "pitch_N", "hand_N")
    both = (np.concatenate([getattr(one, name), getattr(other, name)]) for name in names)
    return Song(*both).sorted()


def read_song(path: Path) -> Song | None:
    """The two-stave part of a compressed MusicXML file; None without one. The upper stave is the
    right hand's; grace notes are left out."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith(".xml") and not n.startswith("META")]
        root = ElementTree.fromstring(archive.read(names[0]))
    parts = [part for part in root.iter("part") if part.findtext(".//staves") == "2"]
    if not parts:
        return None
    divisions, tempo, start = 1.0, 100.0, 0.0
    notes: list[list[float]] = []
    tied: dict[tuple[int, int], list[float]] = {}
    for measure in parts[-1].iter("measure"):
        now = last = end = start
        for element in measure:
            if element.tag == "attributes":
                divisions = float(element.findtext("divisions") or divisions)
            elif element.tag in ("backup", "forward"):
                way = float(element.findtext("duration") or 0) / divisions
                now += way if element.tag == "forward" else -way
                end = max(end, now)
            elif element.tag in ("direction", "sound"):
                sound = element if element.tag == "sound" else element.find("sound")
                if sound is not None and sound.get("tempo") and not notes:
                    tempo = float(sound.get("tempo") or tempo)
            elif element.tag == "note" and element.find("grace") is None:
                if element.find("cue") is not None:
                    continue
                duration = float(element.findtext("duration") or 0) / divisions
                if element.find("chord") is None:
                    last, now = now, now + duration
                end = max(end, now)
                _add_note(element, last, duration, notes, tied)
        start = end
    array = np.array(sorted(notes))
    _, first = np.unique(array[:, [0, 2]], axis=0, return_index=True)
    onset_N, offset_N, pitch_N, hand_N = array[np.sort(first)].T
    second = 60 / max(tempo, 30)
    song = Song(onset_N * second, offset_N * second - 0.02, pitch_N.astype(int), hand_N.astype(int))
    return song.of((song.pitch_N >= 21) & (song.pitch_N <= 108)).sorted()


def _add_note(
    element: ElementTree.Element,
    onset: float,
    duration: float,
    notes: list[list[float]],
    tied: dict[tuple[int, int], list[float]],
) -> None:
    pitch = element.find("pitch")
    if pitch is None:
        return
    number = 12 * (int(pitch.findtext("octave") or 4) + 1) + int(
        STEP_NAMES[pitch.findtext("step") or "C"] + float(pitch.findtext("alter") or 0)
    )
    staff = int(element.findtext("staff") or 1)
    ties = {tie.get("type") for tie in element.iter("tie")}
    key = number, staff
    if "stop" in ties and key in tied:
        tied[key][1] = onset + duration
        if "start" not in ties:
            del tied[key]
        return
    notes.append([onset, onset + duration, float(number), float(2 - staff)])
    if "start" in ties:
        tied[key] = notes[-1]


def train_hands(songs: Sequence[Song], exercises: Sequence[Exercise], seed: int = 1) -> HandTagger:
    """The tagger that gives notes to hands as staves, exercises and composed pieces do."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    draw = Excerpts(songs, exercises, random).draw
    tagger = HandTagger(HandTaggerConfig(dropout=DROPOUT))
    average = copy.deepcopy(tagger)
    optimizer = torch.optim.AdamW(tagger.parameters(), lr=HAND_RATE, weight_decay=DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, HAND_RATE, total_steps=HAND_STEPS)
    for step in track(range(HAND_STEPS), "hands", HAND_STEPS):
        onset_BN, offset_BN, pitch_BN, hand_BN, there_BN = _batch(draw, random)
        lookahead_B = torch.from_numpy(random.choice(LOOKAHEADS, HAND_BATCH)).float()
        logit_BN = tagger(onset_BN, offset_BN, pitch_BN, lookahead_B)
        error_BN = F.binary_cross_entropy_with_logits(logit_BN, hand_BN, reduction="none")
        optimizer.zero_grad()
        ((error_BN * there_BN).sum() / there_BN.sum()).backward()
        nn.utils.clip_grad_norm_(tagger.parameters(), 1.0)
        optimizer.step()
        rate.step()
        with torch.no_grad():
            for mean, value in zip(average.parameters(), tagger.parameters(), strict=True):
                mean.lerp_(value, 0.005 if step > 200 else 0.05)
    return average


def _batch(draw: Callable[[], Song], random: np.random.Generator) -> Tensor:
    """Excerpts padded to one length: onset, offset, pitch, hand and whether there is a note,
    [5, B, N]."""
    rows: list[np.ndarray] = []
    while len(rows) < HAND_BATCH:
        song = draw()
        notes = len(song)
        if notes < 8:
            continue
        onset_N = song.onset_N - song.onset_N[0]
        length_N = np.maximum(song.offset_N - song.onset_N, 0.03)
        if random.random() < 0.3:  # as if keys were let go at once
            length_N = np.minimum(length_N, random.uniform(0.1, 0.4))
        if random.random() < 0.15:  # as if they rang on
            length_N = length_N * random.uniform(1, 3)
        onset_N = onset_N + random.normal(0, random.choice([0, 0.01]), notes)
        order = np.argsort(onset_N, kind="stable")
        row_5N = np.zeros((5, WINDOW))
        row_5N[:2] = 1e4  # far from everything
        row_5N[0, :notes] = onset_N[order]
        row_5N[1, :notes] = (onset_N + length_N)[order]
        row_5N[2, :notes] = song.pitch_N[order]
        row_5N[3, :notes] = song.hand_N[order]
        row_5N[4, :notes] = 1
        rows.append(row_5N)
    return torch.from_numpy(np.stack(rows, axis=1)).float()


class Excerpts:
    """Draws what the tagger is trained on."""

    def __init__(
        self,
        songs: Sequence[Song],
        exercises: Sequence[Exercise],
        random: np.random.Generator,
    ) -> None:
        self._songs, self._random = songs, random
        self._composed = [
            _composed(style, seed)
            for style in STYLES
            if style not in HELD_OUT_STYLES
            for seed in range(PIECES)
        ]
        self._exercises = exercises
        weight_N = np.array([len(song) ** 0.3 for song in songs])
        self._weight_N = weight_N / weight_N.sum()

    def draw(self) -> Song:
        """At most a window of notes, transposed by up to three semitones."""
        random, kind = self._random, self._random.random()
        if kind < EXERCISES:
            return self._exercise()
        kind = random.random()
        if kind < COMPOSED:
            song = self._cut(self._composed[random.integers(len(self._composed))], WINDOW)
            song = song.at(self._tempo())
        elif kind < COMPOSED + MIXED:
            song = self._mixed()
        else:
            song = self._cut(self._song(), WINDOW).at(self._tempo())
        if random.random() < 0.15:  # one hand rests for a while
            resting = random.integers(2)
            first, last = np.sort(random.uniform(0, song.onset_N[-1] + 0.1, 2))
            rests_N = (song.hand_N == resting) & (song.onset_N > first) & (song.onset_N < last)
            if (~rests_N).sum() > 8:
                song = song.of(~rests_N)
        return song.higher(int(random.integers(-3, 4)))

    def _song(self) -> Song:
        return self._songs[self._random.choice(len(self._songs), p=self._weight_N)]

    def _tempo(self) -> float:
        return float(np.exp(self._random.uniform(-0.4, 0.4)))

    def _cut(self, song: Song, notes: int) -> Song:
        first = int(self._random.integers(0, max(1, len(song) - notes + 1)))
        return song.of(slice(first, first + notes))

    def _mixed(self) -> Song:
        """The right hand of one song with the left hand of another, as far apart as one of the two
        has them, and in the same rhythm or half or double."""
        one, other = (self._cut(self._song(), 3 * WINDOW // 2) for _ in range(2))
        if (one.hand_N == 1).sum() < 8 or (other.hand_N == 0).sum() < 8:
            return self._mixed()
        apart = one if self._random.random() < 0.5 else other
        hands = []
        for song, hand, usual in ((one, 1, 67.0), (other, 0, 50.0)):
            there = apart.pitch_N[apart.hand_N == hand]
            middle = float(np.median(there)) if len(there) else usual
            part = song.of(song.hand_N == hand).at(self._tempo())
            away = round(middle - float(np.median(part.pitch_N)))
            hands.append(part.higher(int(np.clip(away, -7, 7))))
        right, left = hands
        if left.onset_N[-1] > 0.5 and right.onset_N[-1] > 0.5:
            ratio = 2 ** np.round(np.log2(right.onset_N[-1] / left.onset_N[-1]))
            left = left.at(float(np.clip(ratio, 0.5, 2)))
            onsets = np.unique(np.round(right.onset_N, 2))
            step = float(np.median(np.diff(onsets))) if len(onsets) > 2 else 0.25
            moved_N = np.round(left.onset_N / step * 2) / 2 * step
            left.offset_N = left.offset_N + moved_N - left.onset_N
            left.onset_N = moved_N
        return _without_doubles(together(right, left).of(slice(0, WINDOW)))

    def _exercise(self) -> Song:
        """An exercise: one hand by itself, both hands, or with another hand of a song."""
        random = self._random
        step = float(np.exp(random.uniform(np.log(0.1), np.log(0.6))))
        index = int(random.integers(len(self._exercises)))
        mine = self._exercises[index]
        own = self._line(mine, step)
        kind = random.random()
        if kind < 0.4:
            octave = 12 * int(random.integers(0, 2))
            return own.higher(octave if mine.side else -octave).of(slice(0, WINDOW))
        if kind < 0.6:
            # The table has the right and the left hand of an exercise one after the other.
            partner = self._exercises[min(index ^ 1, len(self._exercises) - 1)]
            return together(own, self._line(partner, step).of(slice(0, len(own)))).of(
                slice(0, WINDOW)
            )
        other = self._cut(self._song(), WINDOW)
        other = other.of(other.hand_N == 1 - mine.side)
        if len(other) < 4:
            return self._exercise()
        other = other.at(self._tempo())
        other = other.higher(_out_of_the_way(own, other, mine.side))
        other = other.of((other.pitch_N > 20) & (other.pitch_N < 109))
        return together(own, other).of(slice(0, WINDOW))

    def _line(self, exercise: Exercise, step: float) -> Song:
        random, notes = self._random, len(exercise.pitch_N)
        length = int(random.integers(10, notes + 1))
        first = int(random.integers(0, notes - length + 1)) if random.random() < 0.6 else 0
        onset_N = np.arange(length) * step
        return Song(
            onset_N,
            onset_N + step * random.uniform(0.6, 1.1),
            exercise.pitch_N[first : first + length].astype(int),
            np.full(length, exercise.side),
        )


def _composed(style: str, seed: int) -> Song:
    piece = compose(style, 900_000 + seed, 60.0)
    notes = piece.notes
    return Song(notes.onset_N, notes.offset_N, notes.pitch_N, piece.hand_N)


def _out_of_the_way(own: Song, other: Song, side: int) -> int:
    """By how many octaves another hand is to be moved so as not to cross this one, semitones."""
    ends = (20, 90) if side else (80, 10)
    away = float(np.percentile(own.pitch_N, ends[0]) - np.percentile(other.pitch_N, ends[1]))
    crosses = away < 3 if side else away > -3
    return round((away - (5 if side else -5)) / 12) * 12 if crosses else 0


def _without_doubles(song: Song) -> Song:
    _, first = np.unique(np.round(song.onset_N, 2) * 1000 + song.pitch_N, return_index=True)
    return song.of(np.sort(first))


if __name__ == "__main__":
    main()
