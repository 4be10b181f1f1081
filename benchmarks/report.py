"""The measurements as a table for people, a file for programs, and a picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from apvg.base.files import atomic_path

Row = dict[str, Any]


def write_report(folder: Path, about: Row, rows: Sequence[Row]) -> str:
    """Write benchmark.json, benchmark.md and benchmark.png; returns the Markdown."""
    tables = [
        f"`{about['command']}`",
        f"{about['processor']} ({about['instructions']}), stages on {about['device']}; "
        f"Python {about['python']}, torch {about['torch']}.",
        *(f"### {title}\n\n{table}" for title, table in _tables(rows) if table),
    ]
    text = "\n\n".join(tables) + "\n"
    with atomic_path(folder / "benchmark.json") as path:
        path.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
    with atomic_path(folder / "benchmark.md") as path:
        path.write_text(text)
    with atomic_path(folder / "benchmark.png") as path:
        _plot(rows, path)
    return text


def _tables(rows: Sequence[Row]) -> list[tuple[str, str]]:
    rates = {row["dtype"]: row["rate"] for row in rows if row["kind"] == "rate"}
    return [
        ("Matrix rate of one core", _rates(rates)),
        ("Stages, one after the other on one core", _stages(rows, rates)),
        ("Compared with pix2pixHD's global generator", _vid2vid(rows)),
        ("From file to file", _files(_kind(rows, "file"))),
        ("Latency", _latency(_kind(rows, "latency"))),
        ("Memory", _files(_kind(rows, "memory"))),
    ]


def _kind(rows: Iterable[Row], kind: str) -> list[Row]:
    return [row for row in rows if row["kind"] == kind]


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    lines = list(lines)
    if not lines:
        return ""
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def _rates(rates: dict[str, float]) -> str:
    return _table(
        ["numbers", "10⁹ multiply-adds a second"],
        [[d, f"{rate / 1e9:.0f}"] for d, rate in rates.items()],
    )


def _floor(engine: str, stage: Row, rates: dict[str, float]) -> float:
    """Seconds that a stage's multiply-adds take at the core's rate; what paints works in the
    engine's precision."""
    lower = "bfloat16" in engine and stage["stage"] in ("coarse", "encode", "recur", "paint")
    return stage["multiply_adds"] / rates["bfloat16" if lower else "float32"]


def runs(rows: Iterable[Row]) -> dict[tuple[str, str, str, int], list[Row]]:
    """The stages of every performer, engine, size and block."""
    found: dict[tuple[str, str, str, int], list[Row]] = {}
    for row in _kind(rows, "stage"):
        key = (row["performer"], row["engine"], row["size"], row["block"])
        found.setdefault(key, []).append(row)
    return found


def _stages(rows: Sequence[Row], rates: dict[str, float]) -> str:
    head = ["performer", "engine", "size", "block", "stage", "ms a frame", "frames/s", "share"]
    lines = []
    for (performer, engine, size, block), stages in runs(rows).items():
        whole = sum(stage["seconds"] for stage in stages)
        models = [stage for stage in stages if stage["multiply_adds"]]
        model = {
            "stage": "**networks together**",
            "seconds": sum(stage["seconds"] for stage in models),
            "multiply_adds": sum(stage["multiply_adds"] for stage in models),
        }
        for stage in (*stages, model):
            parts = models if stage is model else [stage]
            floor = sum(_floor(engine, part, rates) for part in parts)
            measures = (
                [f"{floor * 1e3:.2f}", f"{stage['seconds'] / floor:.1f}"] if floor else ["", ""]
            )
            lines.append(
                [performer, engine, size, str(block), stage["stage"]]
                + [f"{stage['seconds'] * 1e3:.2f}", f"{1 / stage['seconds']:.0f}"]
                + [
                    f"{stage['seconds'] / whole:.0%}",
                    f"{stage['multiply_adds'] / 1e6:.0f}",
                    *measures,
                ]
            )
    return _table([*head, "10⁶ multiply-adds", "floor, ms", "times floor"], lines)


def _vid2vid(rows: Sequence[Row]) -> str:
    lines = []
    for row in _kind(rows, "vid2vid"):
        side = int(row["size"].split("×")[0])
        for (performer, engine, size, _), stages in runs(rows).items():
            width, height = map(int, size.split("×"))
            if width * height != side * side:
                continue
            model = sum(s["seconds"] for s in stages if s["multiply_adds"])
            lines.append(
                [performer, engine, size, f"{model * 1e3:.1f}", f"{row['seconds'] * 1e3:.0f}"]
                + [f"{row['seconds'] / model:.0f}"]
            )
    head = ["performer", "engine", "size", "all networks, ms", "pix2pixHD, ms", "ratio"]
    return _table(head, lines)


def _files(rows: Iterable[Row]) -> str:
    head = ["performer", "engine", "cores", "music, s", "real-time factor", "peak memory, MB"]
    return _table(
        head,
        [
            [r["performer"], r["engine"], str(r["cores"]), f"{r['music_seconds']:g}"]
            + [f"{r['real_time_factor']:.2f}", f"{r['peak_bytes'] / 1e6:.0f}"]
            for r in rows
        ],
    )


def _latency(rows: Iterable[Row]) -> str:
    head = ["performer", "engine", "block", "look-ahead and chunk, ms"]
    head += ["work, ms: median", "95 %", "99 %", "in all at 95 %, ms"]
    return _table(
        head,
        [
            [r["performer"], r["engine"], str(r["block"]), f"{r['waits'] * 1e3:.0f}"]
            + [f"{r[q] * 1e3:.1f}" for q in ("p50", "p95", "p99")]
            + [f"{(r['waits'] + r['p95']) * 1e3:.0f}"]
            for r in rows
        ],
    )


def _plot(rows: Sequence[Row], path: Path) -> None:
    """Time of a frame by stage, and the real-time factor of whole files."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = runs(rows)
    figure, axis = pyplot.subplots(figsize=(9, 1.2 + 0.5 * len(found)), layout="constrained")
    names = list(dict.fromkeys(s["stage"] for stages in found.values() for s in stages))
    colours = pyplot.get_cmap("tab10")
    labels = [f"{p}, {size}, {engine}" for p, engine, size, _ in found]
    left = [0.0] * len(found)
    for place, name in enumerate(names):
        widths = [
            1e3 * sum(s["seconds"] for s in stages if s["stage"] == name)
            for stages in found.values()
        ]
        axis.barh(range(len(found)), widths, left=left, color=colours(place), label=name)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axis.set_yticks(range(len(found)), labels)
    axis.invert_yaxis()
    axis.axvline(40, color="black", linestyle=":", linewidth=1)
    axis.set_xlabel("milliseconds a frame on one core; dotted: 25 frames a second")
    axis.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.25), frameon=False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
