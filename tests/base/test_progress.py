"""Progress goes to whoever watches the context, who may end the work."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from apvg.base.progress import Step, Stopped, reporting, track
from apvg.cli.progress import progress_bars


def counted(description: str, steps: list[Step]) -> list[tuple[int, int | None, object]]:
    return [(s.done, s.total, s.item) for s in steps if s.description == description]


def test_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(iter(range(5)), "counting", 5)) == [0, 1, 2, 3, 4]
    with progress_bars() as bars:
        assert bars is None
        assert list(track("abc", "spelling")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_every_item_and_the_end_are_reported() -> None:
    steps: list[Step] = []
    with reporting(steps.append):
        for _ in track("ab", "outer", subject="letters"):
            list(track(iter((7,)), "inner"))
    assert counted("outer", steps) == [(0, 2, "a"), (1, 2, "b"), (2, 2, None)]
    assert counted("inner", steps) == [(0, None, 7), (1, 1, None)] * 2
    assert {step.subject for step in steps} == {"letters", ""}


def test_contexts_do_not_disturb_each_other() -> None:
    seen: dict[str, list[Step]] = {"here": [], "there": []}
    ready, go = Event(), Event()

    def there() -> None:
        with reporting(seen["there"].append):
            ready.set()
            go.wait(10)
            list(track("xyz", "spelling"))

    thread = Thread(target=there)
    with reporting(seen["here"].append):
        thread.start()
        ready.wait(10)
        list(track("a", "spelling"))
        go.set()
        thread.join()
        with reporting():
            list(track("nobody is told", "spelling"))
    assert [step.item for step in seen["here"]] == ["a", None]
    assert [step.item for step in seen["there"]] == ["x", "y", "z", None]


def test_a_loop_is_reported_where_it_was_begun_whichever_thread_runs_it() -> None:
    steps: list[Step] = []
    with reporting(steps.append):
        letters = track("ab", "spelling")
        thread = Thread(target=lambda: list(letters))
        thread.start()
        thread.join()
    assert len(steps) == 3


def test_cancelled_between_two_items_and_what_gives_them_is_closed() -> None:
    closed: list[bool] = []

    def numbers() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(True)

    cancel, done = Event(), []
    with pytest.raises(Stopped), reporting(cancel=cancel):
        for number in track(numbers(), "counting"):
            done.append(number)
            if number == 3:
                cancel.set()
    assert done == [0, 1, 2, 3]
    assert closed == [True]


def test_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bars() as bars:
        assert bars is not None
        for _ in track(range(2), "training", subject="khp"):
            bars._display.refresh()
    out, err = capsys.readouterr()
    assert out == ""
    assert "training khp" in err
    assert "50%" in err
