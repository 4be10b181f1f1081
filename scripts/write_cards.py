"""Write the model cards of built-in performers from reports of `apvg evaluate`: of `piano` and its
twin, or of `cello`.

With the footage of both filmed takes among the generated ones:

apvg virtual TAKES --instrument piano --split test --minutes 20 --seed 2
apvg evaluate piano-eval TAKES -o REPORT
python scripts/write_cards.py REPORT/report.json

With the pictures that the cellist was trained on among the generated takes:

apvg virtual TAKES --split test --minutes 12 --seed 2 --samples 0
apvg virtual TAKES --split test --minutes 0.27 --seconds 8 --seed 4 --samples 64
apvg evaluate cello TAKES -o REPORT --no-read-back
python scripts/write_cards.py REPORT/report.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from apvg.bundle import CARD, NETWORKS, PerformerConfig, read_config
from apvg.virtual.piano.styles import HELD_OUT_STYLES, STYLES

PERFORMERS = Path(__file__).parents[1] / "apvg" / "performers"

TEXT = """# {name}

A pianist seen from above: hands, forearms and keyboard, {width}×{height} pixels at {fps} frames/s;
no face, no voice.

| | |
|---|---|
| recipe | [{recipe}](../../recipes/{recipe}.toml) |
| licence | {licence} |
| credit | {credit} |
{hashes}

{role}

## Training data

- Footage: two takes of one pianist, filmed from above by a fixed camera: J. S. Bach, Prelude in C
  (131.7 s, which is the scene) and Beethoven, Für Elise (44 s, for motion only, and only in
  `piano`: it is held out of `piano-eval`). Their sound is a FluidSynth render of the MIDI that was
  recorded with them.
- Music: 200 minutes of generated pieces in {styles} styles (`apvg virtual TAKES --instrument piano
  --minutes 200 --seed 1`): composed by rule, fingered, played by a motion model with the real
  takes' hand shapes, and rendered with four soundfonts, rooms, microphones, noise and codecs. The
  transcriber is trained on those, on octaves and marches, and on 304 minutes with synthesised
  pianos, a different one for every piece. The last training of the motion decoder is on
  transcriptions of pieces outside the transcriber's training set (the recipe says which). Only KHP
  is trained on generated pieces; CVG and FPVG are trained on the footage only.

## Measured

By `apvg evaluate piano-eval TAKES -o REPORT`, on the data that the recipe `piano-eval` holds out.
`block` is 52.0 to 78.3 s of the Bach take, with hand positions inside the training range;
`last_fifth` is 105.4 to 131.7 s, where the left hand plays to the left of all training positions.

{tables}

### Held-out music

`real` is Für Elise, whole; the others are generated pieces, in styles and with a soundfont that
were held out (`apvg virtual TAKES --instrument piano --split test --minutes 20 --seed 2`). Floors:
the same hands against notes shifted in time, and against other keys. Read-back: what a hand tracker
finds in 8 s of the generated video, starting just before the first note.

{music}

## Limits

- The hands go to the notes; the motion is not a model of how this pianist would play them.
- Keys are missed in dense, fast and wide music: see the styles above.
- In 48 inspected frames (six pieces, from sound) no finger was torn and the floor had no smears.
  Where a left thumb is spread, there are dots between it and the fingers, on the near edge of the
  keyboard. Fast fingers run into each other.
- Quiet notes repeated within a tenth of a second are not transcribed separately.
- From sound, the right hand moves up to four and a half times as much as it should in slow music
  with pedal, because of false notes: 3 times in the footage's first block, where the left hand
  moves 2.3 times as much. The motion decoder does not use note lengths.
- The read-back figures are based on few notes for each piece (7 to 177; 45 of Für Elise).
- Sounds other than a piano's are transcribed as the nearest piano notes.
- Fingers are rendered from 21 points for each hand at a quarter of the resolution: do not expect
  nails, rings or single knuckles.
"""

CELLO = """# {name}

A wooden figure at the cello: upper body, both hands and the bow, {width}×{height} pixels at {fps}
frames/s; nobody's likeness.

| | |
|---|---|
| recipe | [{recipe}](../../recipes/{recipe}.toml) |
| licence | {licence} |
| credit | {credit} |
{hashes}

All training data was generated (`apvg virtual`, see
[data.md](../../../docs/data.md#generated-takes-apvg-virtual)). The styles and soundfonts of the
test pieces are held out of training. Therefore there is no held-out twin: the figures are its own.

## Training data

- Pictures: 12 pieces of ten seconds, for CVG and FPVG.
- Music and motion: 266 pieces of a minute without pictures for the transcriber, 200 older ones for
  the motion decoder, and 320 that are outside the transcriber's training set for the bow-stroke
  classifier. Half of the sound is synthesised from the motion, half is rendered with soundfonts;
  rooms, microphones, noise and codecs are added.

## Measured

By `apvg evaluate cello TAKES -o REPORT --no-read-back`, on test pieces alone.

### Pictures, from true keypoints

{tables}

### Motion, {pieces} pieces

{music}

## Limits

{limits}
"""

#: Known limits, from the figures and from inspected videos.
CELLO_LIMITS = """\
- The bow direction is not transcribed. Strokes are counted from the last rest, and one missed or
  false stroke reverses all that follow: from sound the direction is right in nearly nine frames of
  ten, from notes with their slurs in almost all.
- Slurs are transcribed from the dip in the sound at a bow change, from down-bows that fade and
  up-bows that swell, and from the pattern of the strokes before. Most errors are in soft slurred
  melodies with a held-out soundfont, and in notes of a tenth of a second. In the package's air,
  slurred in a resonant room, all 13 bow changes are found, with two false ones. One of these is
  early in a phrase, and in this piece only 58 % of the frames have the right direction.
- A left hand high on the strings is blurred and loses its joints, because the training pictures
  seldom have it there. In 24 inspected frames of the sample air and 24 of a real violin's
  recording, no hand was torn and there was no second bow; in two of them a hand on its way up the
  neck had smears and specks of colour around it.
- The true bowing of a real recording is not known. Of Bach's Double of BWV 1002 (John Garner's
  violin, a twelfth lower), 96.8 % of the bow changes lie within 80 ms of a note's beginning; at
  other times of this dense music it would be 85.0 %. 95.1 % of the notes have one.
- It transcribes a cello, or what sounds like one. Of chords it plays the most probable note.
"""

ROLES = {
    "piano": "This is the performer that ships. It was trained further from `piano-eval` on all of "
    "the footage, so no data is left to evaluate it on; the figures below are those of its "
    "held-out twin.",
    "piano-eval": "This is the held-out twin of `piano`: all published figures are measured on it.",
}


def main() -> None:
    report = json.loads(Path(sys.argv[1]).read_text())
    if report["bowing_styles"]:
        _write_cello(report)
    else:
        _write_pianos(report)


def _write_pianos(report: dict) -> None:
    configs = {name: read_config(PERFORMERS / name) for name in ROLES}
    hashes = "\n".join(
        f"| weights of {name} | {_hash(config)} |" for name, config in configs.items()
    )
    tables = "\n\n".join(_table(figures) for figures in report["blocks"])
    for name, config in configs.items():
        card = TEXT.format(
            **_about(config),
            hashes=hashes,
            role=ROLES[name],
            tables=tables,
            music=_music_table(report["music_styles"]),
            styles=len(STYLES) - len(HELD_OUT_STYLES),
        )
        (PERFORMERS / name / CARD).write_text(card)


def _write_cello(report: dict) -> None:
    config = read_config(PERFORMERS / "cello")
    card = CELLO.format(
        **_about(config),
        hashes=f"| weights | {_hash(config)} |",
        tables="\n\n".join(_table(figures) for figures in report["blocks"]),
        pieces=len(report["bowing"]),
        music=_bowing_table(report["bowing_styles"]),
        limits=CELLO_LIMITS.strip(),
    )
    (PERFORMERS / "cello" / CARD).write_text(card)


def _about(config: PerformerConfig) -> dict:
    return {
        "name": config.name,
        "width": config.size[0],
        "height": config.size[1],
        "fps": config.features.fps,
        "recipe": config.recipe,
        "licence": config.licence,
        "credit": config.credit,
    }


def _hash(config: PerformerConfig) -> str:
    return ", ".join(f"{stage} `{config.weights[stage][:12]}`" for stage in NETWORKS)


def _table(figures: dict) -> str:
    setting = figures["setting"]
    rows = [
        f"### {setting['take']}, {setting['block']['name']}",
        "",
        "| figure | target | measured |",
        "|---|---|---|",
    ]
    rows += [_target_row(row) for row in figures["targets"]]
    return "\n".join(rows)


def _target_row(row: dict) -> str:
    mark = "" if row["met"] else " (missed)"
    return f"| {row['figure']} | {row['target']} | {_shown(row['value'], '.3g')}{mark} |"


def _shown(figure: float | None, form: str) -> str:
    return "not measurable" if figure is None else f"{figure:{form}}"


def _music_table(styles: dict) -> str:
    rows = [
        "| style | notes | input | skill | rate (floors) | lag | hands read back | skill read back "
        "|",
        "|---|---|---|---|---|---|---|---|",
    ]
    for style, row in styles.items():
        for source in ("sound", "notes"):
            way = row[f"from_{source}"]
            skill, rate, *floors = (
                _shown(way[name], ".2f")
                for name in ("skill", "rate", "shifted_floor", "transposed_floor")
            )
            lag = None if way["lag"] is None else 1000 * way["lag"]
            back = way.get("read_back")
            rows.append(
                f"| {style} | {row['notes']} | {source} | {skill} | {rate} ({', '.join(floors)}) | "
                f"{_shown(lag, '+.0f')} ms "
                + (
                    f"| {_shown(back['hands_found'], '.2f')} | {_shown(back['skill'], '.2f')} |"
                    if back
                    else "| | |"
                )
            )
    for style in ("real", "all generated"):
        rows += ["", f"{style}:", "", "| figure | target | measured |", "|---|---|---|"]
        rows += [_target_row(row) for row in styles[style]["targets"]]
    return "\n".join(rows)


def _bowing_table(styles: dict) -> str:
    rows = [
        "| style | notes | input | direction | string | stop | bow changes, F1 | motion of bow "
        "arm, left hand |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for style, row in styles.items():
        for given in ("sound", "notes"):
            mean = row[f"from_{given}"]
            shares = " | ".join(
                "" if mean[name] is None else f"{mean[name]:.2f}"
                for name in ("direction", "string", "stop", "change_f1")
            )
            energies = ", ".join(
                _shown(mean[f"motion_energy_{part}"], ".2f") for part in ("bow_arm", "left_hand")
            )
            rows.append(f"| {style} | {row['notes']} | {given} | {shares} | {energies} |")
    last = list(styles)[-1]
    rows += ["", f"{last}:", "", "| figure | target | measured |", "|---|---|---|"]
    rows += [_target_row(row) for row in styles[last]["targets"]]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
