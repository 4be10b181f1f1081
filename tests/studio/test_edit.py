"""Points moved by hand, and what their neighbours in time make of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from studio.conftest import Server, Visit

from apvg.instruments.skeleton import HANDS
from apvg.keypoint_files import read_keypoints
from apvg.studio.edit import Edit, apply_edits

FRAMES, POINTS = 40, 3
edits = st.lists(
    st.builds(
        Edit,
        frame=st.integers(0, FRAMES - 1),
        point=st.integers(0, POINTS - 1),
        x=st.floats(0, 100),
        y=st.floats(0, 100),
    ),
    max_size=8,
)


@given(edits, st.integers(0, 10))
def test_edits_hold_exactly_and_fade_out(moved: list[Edit], reach: int) -> None:
    keypoints_TKD = np.random.default_rng(0).uniform(0, 100, (FRAMES, POINTS, 2)).astype(np.float32)
    before = keypoints_TKD.copy()
    edited_TKD = apply_edits(keypoints_TKD, moved, reach)
    assert (keypoints_TKD == before).all()
    put = {(e.frame, e.point): (e.x, e.y) for e in moved}
    for (frame, point), place in put.items():
        assert edited_TKD[frame, point] == pytest.approx(place, abs=1e-3)
    # No frame moves further than the furthest edit of that point, and none beyond their reach.
    for point in range(POINTS):
        at = [frame for frame, p in put if p == point]
        move_TD = edited_TKD[:, point] - keypoints_TKD[:, point]
        for axis in range(2):
            most = max((abs(move_TD[f, axis]) for f in at), default=0.0)
            assert np.abs(move_TD[:, axis]).max() <= most + 1e-3
        far = [t for t in range(FRAMES) if all(abs(t - f) > reach for f in at)]
        between = [
            t for t in far if any(a < t < b and b - a <= 2 * (reach + 1) for a in at for b in at)
        ]
        still = sorted(set(far) - set(between))
        assert np.abs(move_TD[still]).max(initial=0.0) < 1e-4


def test_a_move_fades_in_a_straight_line() -> None:
    edited_TKD = apply_edits(np.zeros((9, 1, 2)), [Edit(4, 0, 4.0, -8.0)], reach=3)
    assert edited_TKD[:, 0, 0] == pytest.approx([0, 1, 2, 3, 4, 3, 2, 1, 0])
    assert edited_TKD[:, 0, 1] == pytest.approx([0, -2, -4, -6, -8, -6, -4, -2, 0])


@pytest.mark.slow
def test_a_finger_is_moved_by_keys_and_by_pointer_and_rendered_again(
    studio: Server, visit: Visit, performed: str
) -> None:
    page = visit(studio, performed)
    page.get_by_role("button", name="Edit a finger").click()
    board = page.get_by_role("application")
    page.wait_for_selector("#edit .board img[src^=data]")

    page.get_by_label("Moment").fill("12")
    page.get_by_text("frame 13 of 30").wait_for()
    page.get_by_label("Point", exact=True).select_option("left index finger, tip")
    page.wait_for_timeout(500)
    before = page.evaluate(
        "document.querySelector('#edit svg circle[stroke=\"#d0342c\"]').cx.baseVal.value"
    )
    board.press("ArrowRight")
    board.press("Shift+ArrowRight")
    after = page.evaluate(
        "document.querySelector('#edit svg circle[stroke=\"#d0342c\"]').cx.baseVal.value"
    )
    assert after - before == pytest.approx(6, abs=0.01)
    page.get_by_text("1 point moved").wait_for()

    # Another point, by the pointer: where it is drawn, some pixels down.
    dot = page.locator("#edit svg circle").nth(30)
    box = dot.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 40, steps=4)
    page.mouse.up()
    page.get_by_text("2 points moved").wait_for()
    page.get_by_role("button", name="Render it again").click()
    page.wait_for_selector("#player .made video[aria-label='three notes (edited), performed']")

    second = page.evaluate("JSON.parse(localStorage.getItem('apvg-recent'))[0]")
    tracks = [
        read_keypoints(studio.work / "jobs" / job / "keypoints.npz", HANDS).keypoints_TKD
        for job in (performed, second)
    ]
    move_TKD = tracks[1] - tracks[0]
    moved = HANDS.points.index("left_index_tip")
    assert move_TKD[12, moved] == pytest.approx((6, 0), abs=0.01)
    assert move_TKD[12 - 3, moved] == pytest.approx(
        (3, 0), abs=0.01
    )  # half of the way out of 5 frames' reach
    assert np.abs(move_TKD[20:, moved]).max() < 1e-3
    assert (
        len({tuple(index) for index in np.argwhere(np.abs(move_TKD[12]).max(axis=-1) > 0.5)}) == 2
    )
