"""Which finger plays each note of one hand: a second-order conditional random field.

Its states are the fingers on the keys that begin together. What it prefers is learnt from
exercises with their taught fingers (`scripts/train_fingering.py`): tables over a key's colour, over
the step from one key to the next, over two steps in a row, and over which finger the thumb passed
last, for a scale passes three fingers and four in turn. Keys that are down together, and steps that
no exercise has, cost what they strain a hand, as measured hands say. The best fingers are found by
dynamic programming (Viterbi), as in Al Kasimi et al., 2007, and Nakamura et al., 2020; the tables
are this project's own choice.

Everything is for a right hand; a left hand is its mirror image (:func:`as_right_hand`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor, nn

from apvg.instruments.keyboard import IS_BLACK, KEY_X
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.music.fingering import LEFT, UNKNOWN

FINGERS = 5
#: x of D4, about which the keyboard's pattern is symmetric, white keys.
MIRROR_X = float(KEY_X[62 - LOWEST_PITCH])
#: Steps from key to key are counted in white keys, up to so many to each side.
FURTHEST = 9
STEPS = 2 * FURTHEST + 1
#: What is kept of the last time that the thumb passed under a finger, or a finger over it:
#: none, the third finger, the fourth.
PASSED = 3
#: Score of what cannot be.
_NEVER = -1e4
#: Notes that begin within so many seconds begin together.
TOGETHER = 0.035
#: A key that stays down for so long after the next onset, seconds, keeps its finger; one that is
#: let go sooner is only played legato.
_HELD = 0.12
#: Cost of a finger that leaves a key which is held: more than any strain, because the key could
#: also be let go.
_LET_GO = 6.0
#: What is played after a pause is played by a hand that has had time to move: from so many seconds
#: on the step before counts less and less.
_PAUSE, _FORGET = 1.2, 1.5


@dataclass(frozen=True)
class HandNotes:
    """The notes of one hand, as a right hand's, in the order of their onsets.

    Attributes:
        x_N: Their keys, white keys from the left edge.
        black_N: int64, whether the key is black.
        onset_N, offset_N: Seconds; an offset may be infinite, where it is not known yet.
    """

    x_N: np.ndarray
    black_N: np.ndarray
    onset_N: np.ndarray
    offset_N: np.ndarray


def as_right_hand(
    pitch_N: np.ndarray, onset_N: np.ndarray, offset_N: np.ndarray, hand: int
) -> HandNotes:
    """Notes of a hand (0 left, 1 right), mirrored for a left one.

    Raises:
        IndexError: A pitch that a piano lacks.
    """
    index_N = np.asarray(pitch_N, np.int64) - LOWEST_PITCH
    x_N = KEY_X[index_N]
    if hand == LEFT:
        x_N = 2 * MIRROR_X - x_N
    return HandNotes(x_N, IS_BLACK[index_N].astype(np.int64), onset_N, offset_N)


def onset_groups(onset_N: np.ndarray) -> list[np.ndarray]:
    """Indices of the notes that begin together; notes are in order of their onsets."""
    groups: list[list[int]] = []
    for index, onset in enumerate(onset_N):
        if groups and onset - onset_N[groups[-1][0]] <= TOGETHER:
            groups[-1].append(index)
        else:
            groups.append([index])
    return [np.array(group) for group in groups]


class FingerModel(nn.Module):
    """The tables: scores of fingers, higher for better ones.

    Axes are named S for a step in white keys (from -9 on), C for a colour (0 white, 1 black), F, G
    and H for the fingers of consecutive notes. Z is the size of a step: to a neighbour, a skip, a
    leap; W is its direction: down, none, up. M is which finger was passed last (see `PASSED`); N is
    M after the next note.
    """

    def __init__(self) -> None:
        super().__init__()

        def table(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(*shape))

        self.colour_CF = table(2, FINGERS)
        self.first_CF = table(2, FINGERS)
        self.last_CF = table(2, FINGERS)
        self.step_SFG = table(STEPS, FINGERS, FINGERS)
        self.step_colour_CCZFG = table(2, 2, 3, FINGERS, FINGERS)
        self.turn_WWFGH = table(3, 3, FINGERS, FINGERS, FINGERS)
        self.turn_colour_CCCFGH = table(2, 2, 2, FINGERS, FINGERS, FINGERS)
        self.two_steps_SFH = table(STEPS, FINGERS, FINGERS)
        self.passing_WMN = table(3, PASSED, PASSED)
        # From measured hands, not learnt.
        self.strain_SCCFG: Tensor
        self.register_buffer("strain_SCCFG", torch.zeros(STEPS, 2, 2, FINGERS, FINGERS))
        self.follows_WFGMN: Tensor
        self.passes_WFG: Tensor
        follows_WFGMN, passes_WFG = _passes()
        self.register_buffer("follows_WFGMN", follows_WFGMN, persistent=False)
        self.register_buffer("passes_WFG", passes_WFG, persistent=False)

    def singles(self, black_BN: Tensor) -> Tensor:
        """Scores of each note's finger, [B, N, 5]."""
        return self.colour_CF[black_BN]

    def pairs(self, x_BN: Tensor, black_BN: Tensor) -> Tensor:
        """Scores of the fingers of each note and the next, [B, N - 1, 5, 5]."""
        away_BN = x_BN.diff(dim=1)
        step_BN, size_BN = _step(away_BN), (away_BN.abs() > 1.3).long() + (away_BN.abs() > 2.6)
        before_BN, after_BN = black_BN[:, :-1], black_BN[:, 1:]
        within_BN11 = (away_BN.abs() <= FURTHEST)[..., None, None]
        return (
            self.step_SFG[step_BN]
            + self.step_colour_CCZFG[before_BN, after_BN, size_BN]
            - within_BN11 * self.strain_SCCFG[step_BN, before_BN, after_BN]
        )

    def triples(self, x_BN: Tensor, black_BN: Tensor) -> Tensor:
        """Scores of the fingers of each note and the next two, [B, N - 2, 5, 5, 5]."""
        way_BN = _way(x_BN.diff(dim=1))
        step_BN = _step(x_BN[:, 2:] - x_BN[:, :-2])
        colours = black_BN[:, :-2], black_BN[:, 1:-1], black_BN[:, 2:]
        return (
            self.turn_WWFGH[way_BN[:, :-1], way_BN[:, 1:]]
            + self.turn_colour_CCCFGH[colours]
            + self.two_steps_SFH[step_BN][:, :, :, None, :]
        )

    def memory(self) -> Tensor:
        """Scores of what is kept in memory before and after a step between two fingers,
        [W, F, G, M, N]."""
        passing_WFGMN = self.passing_WMN[:, None, None] * self.passes_WFG[..., None, None]
        return passing_WFGMN.masked_fill(~self.follows_WFGMN, _NEVER)


def _passes() -> tuple[Tensor, Tensor]:
    """Which memory follows which, bool [W, F, G, M, N], and whether the step passes the thumb
    [W, F, G]."""
    follows_WFGMN = torch.eye(PASSED, dtype=torch.bool).repeat(3, FINGERS, FINGERS, 1, 1)
    passes_WFG = torch.zeros(3, FINGERS, FINGERS)
    up, down = 2, 0
    for finger in range(1, FINGERS):
        passed = {2: 1, 3: 2}.get(finger, 0)
        for way, before, after in ((up, finger, 0), (down, 0, finger)):
            follows_WFGMN[way, before, after] = False
            follows_WFGMN[way, before, after, :, passed] = True
            passes_WFG[way, before, after] = 1
    return follows_WFGMN, passes_WFG


def _step(away: Tensor) -> Tensor:
    return away.round().clamp(-FURTHEST, FURTHEST).long() + FURTHEST


def _way(away: Tensor) -> Tensor:
    return torch.where(away.abs() < 0.2, 1, torch.where(away > 0, 2, 0))


class FingerSearch:
    """Finds the best fingers of one hand with a model's tables.

    Args:
        model: The tables.
    """

    def __init__(self, model: FingerModel) -> None:
        self._model = model
        self._strain_SCCFG = model.strain_SCCFG.double().numpy()
        self._colour_CF = model.colour_CF.detach().double().numpy()
        self._first_CF = model.first_CF.detach().double().numpy()
        self._last_CF = model.last_CF.detach().double().numpy()
        self.memory_WFGMN = model.memory().detach().double().numpy()

    def __call__(
        self,
        notes: HandNotes,
        given_N: np.ndarray | None = None,
        *,
        begins: bool = True,
        ends: bool = True,
    ) -> np.ndarray:
        """The finger of every note, int64 [N]; -1 for inner notes of chords of more than five.

        Args:
            notes: What the hand plays.
            given_N: Fingers that are decided already; -1 where they are free.
            begins, ends: Whether the music, or a phrase of it, begins and ends with them.
        """
        finger_N = np.full(len(notes.x_N), UNKNOWN)
        if not len(finger_N):
            return finger_N
        given_N = finger_N.copy() if given_N is None else given_N
        groups = [_playable(group, notes) for group in onset_groups(notes.onset_N)]
        lattice = _Lattice(self, notes, groups, given_N, begins, ends)
        for group, fingers in zip(groups, lattice.best(), strict=True):
            finger_N[group] = fingers
        return finger_N

    @torch.inference_mode()
    def melodic(self, notes: HandNotes, leads_G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores of the fingers of two and of three consecutive notes, here one of each group."""
        x_1G = torch.from_numpy(notes.x_N[leads_G])[None]
        black_1G = torch.from_numpy(notes.black_N[leads_G])[None]
        pairs_PFG = self._model.pairs(x_1G, black_1G)[0].double().numpy()
        triples_TFGH = (
            self._model.triples(x_1G, black_1G)[0].double().numpy()
            if len(leads_G) > 2
            else np.zeros((0, FINGERS, FINGERS, FINGERS))
        )
        return pairs_PFG, triples_TFGH

    @torch.inference_mode()
    def step(self, notes: HandNotes, before: int, after: int) -> np.ndarray:
        """Scores of the fingers of two notes, one after the other: [5, 5]."""
        chosen = np.array([before, after])
        x_12 = torch.from_numpy(notes.x_N[chosen])[None]
        black_12 = torch.from_numpy(notes.black_N[chosen])[None]
        return self._model.pairs(x_12, black_12)[0, 0].double().numpy()

    def together(self, notes: HandNotes, one: int, other: int) -> np.ndarray:
        """Scores of the fingers of two keys that are down at once: [5, 5]."""
        away = notes.x_N[other] - notes.x_N[one]
        step = int(np.clip(round(away), -FURTHEST, FURTHEST)) + FURTHEST
        return -self._strain_SCCFG[step, notes.black_N[one], notes.black_N[other]]

    def single(self, notes: HandNotes, note: int, *, first: bool, last: bool) -> np.ndarray:
        """Scores of a note's finger, [5]."""
        black = notes.black_N[note]
        return self._colour_CF[black] + first * self._first_CF[black] + last * self._last_CF[black]


def _playable(group: np.ndarray, notes: HandNotes) -> np.ndarray:
    """At most five notes of a group, from left to right; inner ones are left out."""
    ordered = group[np.argsort(notes.x_N[group], kind="stable")]
    while len(ordered) > FINGERS:
        ordered = np.delete(ordered, len(ordered) // 2)
    return ordered


class _Lattice:
    """The dynamic programme over groups of notes that begin together.

    States are J ways to put fingers on the group before, K on this one (L on the next), and M of
    what is kept in memory of the last passing of the thumb (N after the next).
    """

    def __init__(
        self,
        search: FingerSearch,
        notes: HandNotes,
        groups: list[np.ndarray],
        given_N: np.ndarray,
        begins: bool,
        ends: bool,
    ) -> None:
        self._search, self._notes, self._groups = search, notes, groups
        self._first = 0 if begins else None
        self._last = len(groups) - 1 if ends else None
        self._grips_GKn = [_grips(given_N[group]) for group in groups]
        # A chord's melody is its note furthest to the right: the little finger's side.
        self._leads_G = np.array([group[-1] for group in groups])
        self._pairs_PFG, self._triples_TFGH = search.melodic(notes, self._leads_G)
        #: For a key that is held, the finger that holds it in each state.
        self._held: dict[int, np.ndarray] = {}

    def best(self) -> list[np.ndarray]:
        """The fingers of every group, from left to right."""
        own_K = self._own(0)
        score_JKM = np.full((1, len(own_K), PASSED), _NEVER)
        score_JKM[0, :, 0] = own_K
        came_from: list[tuple[np.ndarray, np.ndarray]] = []
        self._hold(0, score_JKM.shape)
        for group in range(1, len(self._groups)):
            total_JKLM = score_JKM[:, :, None] + self._arrive(group)
            before_KLM = total_JKLM.argmax(axis=0)
            best_KLM = np.take_along_axis(total_JKLM, before_KLM[None], axis=0)[0]
            passed_KLMN = best_KLM[..., None] + self._pass(group)
            memory_KLN = passed_KLMN.argmax(axis=2)
            score_JKM = np.take_along_axis(passed_KLMN, memory_KLN[:, :, None], axis=2)[:, :, 0]
            before_KLN = np.take_along_axis(before_KLM, memory_KLN, axis=2)
            came_from.append((before_KLN, memory_KLN))
            self._carry(group, before_KLN, memory_KLN)
            self._hold(group, score_JKM.shape)
        j, k, m = np.unravel_index(score_JKM.argmax(), score_JKM.shape)
        path = [int(k)]
        for before_KLN, memory_KLN in reversed(came_from):
            j, k, m = before_KLN[j, k, m], j, memory_KLN[j, k, m]
            path.append(int(k))
        path.reverse()
        return [grips_Kn[k] for grips_Kn, k in zip(self._grips_GKn, path, strict=True)]

    def _own(self, group: int) -> np.ndarray:
        """Scores of a group's grips by themselves, [K]."""
        notes, members, grips_Kn = self._notes, self._groups[group], self._grips_GKn[group]
        first, last = group == self._first, group == self._last
        score_K = np.zeros(len(grips_Kn))
        for place, note in enumerate(members):
            single_F = self._search.single(notes, note, first=first, last=last)
            score_K += single_F[grips_Kn[:, place]] / len(members)
            if place:
                together_FG = self._search.together(notes, members[place - 1], note)
                score_K += together_FG[grips_Kn[:, place - 1], grips_Kn[:, place]]
        if len(members) > 2:
            together_FG = self._search.together(notes, members[0], members[-1])
            score_K += together_FG[grips_Kn[:, 0], grips_Kn[:, -1]]
        return score_K

    def _pass(self, group: int) -> np.ndarray:
        """Scores of what is kept in memory before and after a group begins, [K, L, M, N]."""
        x_N = self._notes.x_N[self._leads_G[group - 1 : group + 1]]
        way = int(_way(torch.tensor(x_N[1] - x_N[0])))
        lead_K, lead_L = self._grips_GKn[group - 1][:, -1], self._grips_GKn[group][:, -1]
        return self._search.memory_WFGMN[way][np.ix_(lead_K, lead_L)]

    def _arrive(self, group: int) -> np.ndarray:
        """Scores of going on to a group from each state, [J, K, L, M]; where no key is held, the
        same for every M."""
        grips_Ln, grips_Kn = self._grips_GKn[group], self._grips_GKn[group - 1]
        lead_L, lead_K = grips_Ln[:, -1], grips_Kn[:, -1]
        fresh = self._freshness(group)
        score_JKL = self._own(group)[None, None] + fresh * self._step_between(group)[None]
        if group > 1:
            lead_J = self._grips_GKn[group - 2][:, -1]
            turn_JKL = self._triples_TFGH[group - 2][np.ix_(lead_J, lead_K, lead_L)]
            score_JKL = score_JKL + fresh * self._freshness(group - 1) * turn_JKL
        score_JKLM = score_JKL[..., None]
        for held, finger_JKM in self._holding(group).items():
            finger_JK1M = finger_JKM[:, :, None]
            for place, note in enumerate(self._groups[group]):
                finger_L1 = grips_Ln[:, place, None]
                together_FG = self._search.together(self._notes, held, note)
                strain_JKLM = together_FG[finger_JK1M, finger_L1].clip(-_LET_GO, None)
                # A key may be let go rather than strain the hand further.
                score_JKLM = score_JKLM + np.where(finger_JK1M == finger_L1, -_LET_GO, strain_JKLM)
        return score_JKLM

    def _step_between(self, group: int) -> np.ndarray:
        """Scores of the step from a grip to the next, [K, L]: the mean over their notes."""
        before, after = self._groups[group - 1], self._groups[group]
        grips_Kn, grips_Ln = self._grips_GKn[group - 1], self._grips_GKn[group]
        if len(before) == len(after) == 1:
            return self._pairs_PFG[group - 1][np.ix_(grips_Kn[:, 0], grips_Ln[:, 0])]
        score_KL = np.zeros((len(grips_Kn), len(grips_Ln)))
        for i, one in enumerate(before):
            for j, other in enumerate(after):
                step_FG = self._search.step(self._notes, one, other)
                score_KL += step_FG[np.ix_(grips_Kn[:, i], grips_Ln[:, j])]
        return score_KL / max(len(before), len(after))

    def _freshness(self, group: int) -> float:
        """How much the group before still counts, 1 for what follows at once."""
        onset_N = self._notes.onset_N
        pause = onset_N[self._groups[group][0]] - onset_N[self._groups[group - 1][0]]
        return float(np.exp(-max(0.0, pause - _PAUSE) / _FORGET))

    def _holding(self, group: int) -> dict[int, np.ndarray]:
        """Keys that are held while a group begins, with their fingers in each state."""
        onset = float(self._notes.onset_N[self._groups[group][0]])
        new = set(self._notes.x_N[self._groups[group]].tolist())
        return {
            note: finger_JKM
            for note, finger_JKM in self._held.items()
            if self._notes.offset_N[note] >= onset + _HELD and self._notes.x_N[note] not in new
        }

    def _carry(self, group: int, before_KLN: np.ndarray, memory_KLN: np.ndarray) -> None:
        """Held keys' fingers, from the states before to the states now."""
        column_K11 = np.arange(len(before_KLN))[:, None, None]
        self._held = {
            note: finger_JKM[before_KLN, column_K11, memory_KLN]
            for note, finger_JKM in self._holding(group).items()
        }

    def _hold(self, group: int, shape: tuple[int, ...]) -> None:
        """A group's own keys are held from now on."""
        for place, note in enumerate(self._groups[group]):
            finger_K1 = self._grips_GKn[group][:, place, None]
            self._held[int(note)] = np.broadcast_to(finger_K1, shape)


def _grips(given_n: np.ndarray) -> np.ndarray:
    """All ways to put fingers in their order on so many keys, [K, n], that agree with given
    fingers; where none does, all that there are."""
    every_Kn = np.array(list(combinations(range(FINGERS), len(given_n))))
    fits_K = ((every_Kn == given_n) | (given_n < 0)).all(axis=1)
    if fits_K.any():
        return every_Kn[fits_K]
    if (given_n >= 0).all():  # fingers that cross, as somebody wants them
        return given_n[None]
    return every_Kn
