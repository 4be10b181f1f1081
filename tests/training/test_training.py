"""Training: exact resumption, every stage overfits, and `apvg train` from a generated take to a
performer that plays."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from lightning.fabric import Fabric
from safetensors.torch import load_file
from torch.nn import functional as F

from apvg.base.errors import ApvgError
from apvg.cli.main import main
from apvg.instruments.instrument import PIANO
from apvg.instruments.skeleton import BODY_AND_HANDS
from apvg.models.dlt import DifferentiableLandmarkTransformer
from apvg.models.stu import StructuredTemporalUNet, STUConfig
from apvg.performer import Performer
from apvg.takes.take import Take
from apvg.training.configs import FPVGTrainingConfig
from apvg.training.data.sampling import step_random
from apvg.training.data.scene import build_scene
from apvg.training.plan import training_mask
from apvg.training.recipe import load_recipe
from apvg.training.run import Run
from apvg.training.trainers.fpvg import FPVGTrainer


@pytest.fixture(scope="module")
def takes_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("takes")
    tiny.take().save(folder / "tiny")
    return folder


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    path.write_text(tiny.RECIPE)
    return path


@pytest.fixture(scope="module")
def trained(takes_dir: Path, recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A performer made by the command line in one go."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    out.mkdir()
    assert main(["train", str(takes_dir), str(out), "--recipe", str(recipe_file)]) == 0
    return out


def test_train_makes_a_performer_that_plays(trained: Path):
    performer = Performer.from_pretrained(trained)
    assert performer.config.size == (tiny.WIDTH, tiny.HEIGHT)
    performance = performer.perform(np.zeros(performer.sample_rate, np.float32))
    assert performance.frames_THWC.shape == (tiny.FPS, tiny.HEIGHT, tiny.WIDTH, 3)
    assert performance.keypoints_TKD.shape == (tiny.FPS, 42, 2)
    # The plate shows what is behind the hands better than the frames' plain median does.
    background_HWC = np.full((tiny.HEIGHT, tiny.WIDTH, 3), 90.0)
    background_HWC[:14] = 230
    median_HWC = np.median(tiny.take().frames_THWC, axis=0)
    error = np.abs(performer.plate_HWC - background_HWC).mean()
    assert error < 0.7 * np.abs(median_HWC - background_HWC).mean()


def test_three_and_three_steps_are_six_steps(
    trained: Path, takes_dir: Path, recipe_file: Path, tmp_path: Path
):
    out = tmp_path / "run"
    out.mkdir()
    command = ["train", str(takes_dir), str(out), "--recipe", str(recipe_file), "--resume"]
    for stage in ("transcription", "motion", "khp", "cvg", "fpvg", "joint"):
        assert main([*command, "--stage", stage, "--until", "3"]) == 0
        assert main([*command, "--stage", stage]) == 0
        name = f"training/{stage}.ckpt.safetensors"
        once, twice = load_file(trained / name), load_file(out / name)
        assert once.keys() == twice.keys()
        for key in once:
            torch.testing.assert_close(twice[key], once[key], atol=0, rtol=0, msg=key)


def test_the_stage_strokes_is_resumed_and_kept_by_what_comes_after(tmp_path: Path):
    """Of a take that says how it is bowed; KHP is then put together from what each stage has
    trained."""
    take = replace(tiny.take(), metadata={"strings": {}})
    text = tiny.RECIPE.replace(
        "transcriber = {", 'transcriber = { kind = "bowed notes", strokes = { hidden = 4 },'
    ).replace("lookahead_frames = 3", "lookahead_frames = 5", 1)
    (tmp_path / "recipe.toml").write_text(text + "[strokes]\nsteps = 6\nexcerpts = 2\nevents = 4\n")
    recipe = load_recipe(tmp_path / "recipe.toml")
    for folder, stops in (("once", (6,)), ("twice", (3, 6))):
        for stop in stops:
            run = Run(recipe, [take], tmp_path / folder, device="cpu")
            run.train("strokes", until=stop)
    once, twice = (
        load_file(tmp_path / folder / "training/strokes.ckpt.safetensors")
        for folder in ("once", "twice")
    )
    assert once.keys() == twice.keys()
    for key in once:
        torch.testing.assert_close(twice[key], once[key], atol=0, rtol=0, msg=key)
    run = Run(recipe, [tiny.take()], tmp_path / "once", device="cpu")
    for stage in ("transcription", "motion", "khp"):
        run.train(stage)
    for khp in (run.weights.averaged("khp"), run.trainer("khp", 1).modules["network"]):
        assert isinstance(khp, torch.nn.Module)
        for key, value in khp.get_submodule("transcriber.strokes").state_dict().items():
            torch.testing.assert_close(value, once[f"module/ema/{key}"])


def test_strokes_need_takes_with_known_bowing_and_a_classifier(trained: Path, tmp_path: Path):
    text = tiny.RECIPE.replace(
        "transcriber = {", 'transcriber = { kind = "bowed notes", strokes = { hidden = 4 },'
    )
    (tmp_path / "recipe.toml").write_text(
        text.replace("lookahead_frames = 3", "lookahead_frames = 5", 1) + "[strokes]\nsteps = 1\n"
    )
    recipe = load_recipe(tmp_path / "recipe.toml")
    with pytest.raises(ApvgError, match="no take has bow strokes"):
        Run(recipe, [tiny.take()], tmp_path, device="cpu").train("strokes")
    with pytest.raises(ApvgError, match="no bow-stroke classifier"):
        Run(recipe, [tiny.take()], tmp_path, device="cpu", start_from=trained).train("strokes")
    (tmp_path / "recipe.toml").write_text(tiny.RECIPE + "[strokes]\nsteps = 1\n")
    plain = load_recipe(tmp_path / "recipe.toml")
    with pytest.raises(ApvgError, match="bowed notes"):
        Run(plain, [tiny.take()], tmp_path / "plain", device="cpu").train("strokes")


def test_a_second_training_in_the_same_place_is_refused(
    trained: Path, takes_dir: Path, recipe_file: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["train", str(takes_dir), str(trained), "--recipe", str(recipe_file)]) == 1
    assert "--resume" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device here")
def test_a_device_that_is_not_to_be_had_is_one_line(
    takes_dir: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["train", str(takes_dir), str(tmp_path), "--recipe", str(recipe_file)]
    assert main([*command, "--device", "cuda"]) == 1
    error = capsys.readouterr().err
    assert "'cuda' is not available here" in error
    assert error.count("\n") == 1


def test_fpvg_asks_for_the_stages_before_it(
    takes_dir: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["train", str(takes_dir), str(tmp_path), "--recipe", str(recipe_file)]
    assert main([*command, "--stage", "fpvg"]) == 1
    assert "train the stages khp and cvg first" in capsys.readouterr().err


def test_a_take_shorter_than_an_excerpt_is_trained_on(tmp_path: Path, recipe_file: Path):
    (tmp_path / "takes").mkdir()
    tiny.take().save(tmp_path / "takes" / "tiny")
    tiny.take(0.8, "short").save(tmp_path / "takes" / "short")
    recipe = replace(load_recipe(recipe_file), takes=("short",))
    run = Run(recipe, [Take.load(path) for path in (tmp_path / "takes").iterdir()], tmp_path)
    run.train("motion")
    curve = (tmp_path / "training" / "motion.curve.csv").read_text()
    assert "6,position," in curve


def test_held_out_frames_are_kept_out(recipe_file: Path):
    mask_T = training_mask(tiny.take(), load_recipe(recipe_file))
    assert not mask_T[round(1.8 * 25) : round(2.6 * 25)].any()
    assert mask_T.sum() == 100 - 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "loss", "steps", "rate", "share"),
    [("khp", "position", 120, 1e-2, 0.4), ("cvg", "pixels", 300, 5e-3, 0.5)],
)
def test_stages_overfit_a_short_take(
    stage: str, loss: str, steps: int, rate: float, share: float, takes_dir: Path, tmp_path: Path
):
    text = tiny.RECIPE.replace("steps = 6", f"steps = {steps}").replace("_from = 3", "_from = 1000")
    text = text.replace(
        "gains_db = [0.0, 0.0]", f"gains_db = [0.0, 0.0]\nshift_octaves = false\nrate = {rate}"
    )
    text = text.replace("window = 16", "window = 16\nspeeds = [1.0, 1.0]")
    (tmp_path / "recipe.toml").write_text(text)
    run = Run(load_recipe(tmp_path / "recipe.toml"), [tiny.take()], tmp_path)
    run.train("khp", until=1)
    run.train(stage)  # pyright: ignore[reportArgumentType]
    curve = (tmp_path / "training" / f"{stage}.curve.csv").read_text().splitlines()
    values = [float(line.split(",")[2]) for line in curve if f",{loss}," in line]
    assert values[-1] < share * values[0]


@pytest.mark.slow
def test_fpvg_overfits_one_clip():
    take = tiny.take(seconds=1.0)
    scene = build_scene(
        np.asarray(take.frames_THWC),
        take.keypoints_TKD,
        take.confidence_TK,
        np.ones(25, bool),
        take.skeleton,
    )
    config = FPVGTrainingConfig(
        steps=150,
        adversarial_from=1000,
        predicted_from=1000,
        frames_per_step=8,
        clip_lengths=(4,),
        crop_width=64,
        background_share=0.0,
        clip_jitter=0.0,
        rate=3e-3,
    )
    torch.manual_seed(0)
    shape = STUConfig(channels=(16, 16, 16), node_channels=8, graph_layers=1, hidden=8)
    network = StructuredTemporalUNet(shape, take.skeleton)
    dlt = DifferentiableLandmarkTransformer(sigma=0.06)
    fabric = Fabric(accelerator="cpu", devices=1)
    trainer = FPVGTrainer(fabric, network, dlt, scene, None, config)
    losses = [trainer.training_step(step)["pixels"] for step in range(150)]
    assert np.mean(losses[-10:]) < 0.35 * np.mean(losses[:3])


def untrained_painter(config: FPVGTrainingConfig) -> FPVGTrainer:
    """Of a take of a second."""
    take = tiny.take(seconds=1.0)
    scene = build_scene(
        np.asarray(take.frames_THWC),
        take.keypoints_TKD,
        take.confidence_TK,
        np.ones(25, bool),
        take.skeleton,
    )
    shape = STUConfig(channels=(16, 16, 16), node_channels=8, graph_layers=1, hidden=8)
    network = StructuredTemporalUNet(shape, take.skeleton)
    fabric, dlt = Fabric(accelerator="cpu", devices=1), DifferentiableLandmarkTransformer()
    return FPVGTrainer(fabric, network, dlt, scene, None, config)


def test_keypoints_jitter_from_frame_to_frame_and_all_through_a_clip():
    """Errors of 3 and 4 pixels, each in its points' own part and in the part that all share."""

    def errors_NTKD(clip_jitter: float, frame_jitter: float) -> np.ndarray:
        trainer = untrained_painter(
            FPVGTrainingConfig(
                clip_lengths=(4,),
                crop_width=tiny.WIDTH,
                clip_jitter=clip_jitter,
                frame_jitter=frame_jitter,
            )
        )
        random = np.random.default_rng(0)
        still_TKD = torch.zeros(20, len(trainer.skeleton), 2)
        drawn = [trainer.dataset.tracking_error(random, still_TKD) for _ in range(200)]
        return torch.stack([error.expand_as(still_TKD) for error in drawn]).numpy()

    constant_NTKD = errors_NTKD(clip_jitter=3.0, frame_jitter=0.0)
    assert np.ptp(constant_NTKD, axis=1).max() == 0
    assert constant_NTKD.std() == pytest.approx(3.0 * 2**0.5, rel=0.05)
    assert constant_NTKD.mean(axis=2).std() == pytest.approx(3.0, rel=0.1)  # what points share
    jittering_NTKD = errors_NTKD(clip_jitter=0.0, frame_jitter=4.0)
    assert np.diff(jittering_NTKD, axis=1).std() == pytest.approx(8.0, rel=0.05)


def test_errors_near_hands_can_be_made_to_weigh_more():
    """The same error costs more on a hand than in a corner where no hand is."""
    trainer = untrained_painter(
        FPVGTrainingConfig(clip_lengths=(4,), crop_width=tiny.WIDTH, near_weight=10.0)
    )
    clips = trainer.dataset.batch(0, step_random(0, 0))
    clips.matte_BTHW.zero_()

    def cost(y: int, x: int) -> float:
        frames_BTCHW = clips.target_BTCHW.clone()
        frames_BTCHW[:, :, :, y : y + 3, x : x + 3] += 0.5
        logits_BTHW = torch.zeros_like(clips.matte_BTHW)
        losses = trainer.reconstruction(frames_BTCHW, logits_BTHW, clips)
        return float(losses["pixels"])

    x, y = (int(v) for v in clips.keypoints_BTKD[0, 0, 0])
    away_BTK = (clips.keypoints_BTKD - torch.tensor([0.0, 0.0])).norm(dim=-1)
    assert away_BTK.min() > 0.25 * tiny.HEIGHT
    assert cost(y - 1, x - 1) > 2 * cost(0, 0)


def test_encoders_are_shared_and_a_part_of_khp_can_be_started_from(
    takes_dir: Path, trained: Path, recipe_file: Path, tmp_path: Path
):
    """CVG starts from KHP's encoder, or that of an earlier CVG where KHP's has another shape; a
    training that starts from `motion` alone takes over the motion decoder and not the encoder.
    """
    recipe = load_recipe(recipe_file)
    takes = [Take.load(path) for path in sorted(takes_dir.iterdir())]
    begun = Run(recipe, takes, trained, device="cpu").trainer("cvg", 1)
    weights = load_file(trained / "khp.safetensors")
    for key, value in begun.modules["network"].encoder.state_dict().items():  # pyright: ignore
        torch.testing.assert_close(
            value, weights[f"transcriber.encoder.{key}"].float(), atol=1e-3, rtol=1e-2
        )

    transcriber = recipe.model.khp.transcriber
    encoder = replace(transcriber.encoder, channels=4)
    other_khp = replace(recipe.model.khp, transcriber=replace(transcriber, encoder=encoder))
    other = replace(recipe, model=replace(recipe.model, khp=other_khp), start_stages=("fpvg",))
    lent = Run(other, takes, tmp_path, device="cpu", start_from=trained).trainer("cvg", 1)
    before = load_file(trained / "cvg.safetensors")
    for key, value in lent.modules["network"].encoder.state_dict().items():  # pyright: ignore
        torch.testing.assert_close(value, before[f"encoder.{key}"].float())

    halved = replace(recipe, start_stages=("motion",))
    khp = Run(halved, takes, tmp_path, device="cpu", start_from=trained).weights.initial("khp")
    for key, value in khp.motion.state_dict().items():
        torch.testing.assert_close(value, weights[f"motion.{key}"].float())
    own = "transcriber.encoder.spectral.conv.weight"
    assert not torch.equal(khp.state_dict()[own], weights[own].float())


def test_khp_without_steps_of_its_own_is_put_together_from_its_parts(
    takes_dir: Path, trained: Path, recipe_file: Path
):
    recipe = load_recipe(recipe_file)
    takes = [Take.load(path) for path in sorted(takes_dir.iterdir())]
    recipe = replace(recipe, khp=replace(recipe.khp, steps=0))
    khp = Run(recipe, takes, trained, device="cpu").weights.averaged("khp")
    for half, part in (("transcription", ""), ("motion", "motion.")):
        checkpoint = load_file(trained / f"training/{half}.ckpt.safetensors")
        network = khp.transcriber.encoder if half == "transcription" else khp.motion
        for key, value in network.state_dict().items():
            torch.testing.assert_close(value, checkpoint[f"module/ema/{part}{key}"])


def test_octave_mixing_adds_every_note_an_octave_lower(
    takes_dir: Path, trained: Path, recipe_file: Path
):
    recipe = load_recipe(recipe_file)
    takes = [Take.load(path) for path in sorted(takes_dir.iterdir())]

    def excerpts(share: float):
        config = replace(recipe.transcription, octave_mixing_share=share)
        run = Run(replace(recipe, transcription=config), takes, trained, device="cpu")
        trainer: Any = run.trainer("transcription", 1)
        return [trainer.dataset.excerpt(np.random.default_rng(seed))[:2] for seed in range(12)]

    mixed = 0
    for (once_RF, once_2TP), (both_RF, both_2TP) in zip(excerpts(0.0), excerpts(1.0), strict=True):
        if torch.equal(both_RF, once_RF):  # the octave below is not on the keyboard
            assert torch.equal(both_2TP, once_2TP)
            continue
        lower_2TP = F.pad(once_2TP, (-12, 12))
        torch.testing.assert_close(both_2TP, torch.maximum(once_2TP, lower_2TP))
        assert both_RF[:, :-1].sum() > once_RF[:, :-1].sum()
        mixed += bool(once_2TP.any())
    assert mixed


def test_hands_that_are_taken_over_play_what_they_played(
    takes_dir: Path, trained: Path, recipe_file: Path, tmp_path: Path
):
    """In their own shape, whatever the recipe says and whatever music the takes for a new picture
    hold."""
    recipe = load_recipe(recipe_file)
    takes = [Take.load(path) for path in sorted(takes_dir.iterdir())]
    start = shutil.copytree(trained, tmp_path / "start", ignore=shutil.ignore_patterns("training"))
    config = json.loads((start / "config.json").read_text()) | {
        "pitch_range": [48, 71],
        "voices": 1,
    }
    (start / "config.json").write_text(json.dumps(config))
    idle = {
        name: replace(getattr(recipe, name), steps=0)
        for name in ("transcription", "motion", "khp", "joint")
    }
    other = replace(
        recipe.model,
        khp=replace(recipe.model.khp, motion=replace(recipe.model.khp.motion, hidden=99)),
    )
    idle_recipe = replace(recipe, model=other, **idle)
    painted = Run(idle_recipe, takes, tmp_path, device="cpu", start_from=start)
    assert (painted.plan.config.pitch_range, painted.plan.config.voices) == ((48, 71), 1)
    assert painted.plan.config.khp == recipe.model.khp.for_instrument(PIANO)
    painted.weights.averaged("khp")  # which its weights fit
    taught = Run(recipe, takes, tmp_path, device="cpu", start_from=start)
    assert taught.plan.config.pitch_range == (21, 108)
    config["khp"]["transcriber"]["decided"] = False
    (start / "config.json").write_text(json.dumps(config))
    undecided = replace(recipe, khp=replace(recipe.khp, on_predicted_notes=2))
    with pytest.raises(ApvgError, match="on_predicted_notes"):
        Run(undecided, takes, tmp_path, device="cpu", start_from=start)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ('start_stages = ["mve"]', "mve"),
        ("[model.khp.transcriber]\ndecided = false\n[khp]\non_predicted_notes = 2", "decided"),
        ("[motion]\non_predicted_notes = 2", "on_predicted_notes"),
    ],
)
def test_what_a_recipe_cannot_mean_is_refused(changed: str, named: str, tmp_path: Path):
    path = tmp_path / "odd.toml"
    path.write_text('name = "x"\ninstrument = "x"\nlicence = "x"\ncredit = "x"\n' + changed)
    with pytest.raises(ApvgError, match=named):
        load_recipe(path)


def test_a_mistake_in_a_recipe_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "r.toml").write_text(tiny.RECIPE + "stepps = 3\n")
    with pytest.raises(ApvgError, match=r"r\.toml\.joint has no setting 'stepps'"):
        load_recipe(tmp_path / "r.toml")
    with pytest.raises(ApvgError, match="piano-eval"):
        load_recipe("flautist")


def test_body_and_hands_without_notes_or_keyboard_can_be_trained(tmp_path: Path):
    hands = tiny.take()
    points = len(BODY_AND_HANDS)
    keypoints_TKD = np.full((len(hands), points, 2), 20.0, np.float32)
    keypoints_TKD[:, points - 42 :] = hands.keypoints_TKD
    take = replace(
        hands,
        skeleton=BODY_AND_HANDS,
        keypoints_TKD=keypoints_TKD,
        confidence_TK=np.ones((len(hands), points), np.float32),
        notes=None,
        corners_42=None,
    )
    (tmp_path / "r.toml").write_text(tiny.RECIPE)
    run = Run(load_recipe(tmp_path / "r.toml"), [take], tmp_path)
    with pytest.raises(ApvgError, match="MIDI file"):
        run.train("transcription")
    text = tiny.RECIPE.replace("[transcription]\nsteps = 6", "[transcription]\nsteps = 0")
    (tmp_path / "r.toml").write_text(text)
    run = Run(load_recipe(tmp_path / "r.toml"), [take], tmp_path)
    run.train("all")
    performance = Performer.from_pretrained(tmp_path).perform(np.zeros(16000, np.float32))
    assert performance.keypoints_TKD.shape == (25, points, 2)


@pytest.mark.parametrize("stu_rate", [0.0, 1e-4])
def test_joint_training_moves_khp_through_the_dlt(
    stu_rate: float, takes_dir: Path, trained: Path, tmp_path: Path
):
    """Without KHP's own loss, what the painted frames lack still changes KHP; the STU where it has
    a rate."""
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run/training/joint.ckpt.safetensors").unlink()
    text = tiny.RECIPE + f"position_weight = 0.0\nstu_rate = {stu_rate}\n"
    (tmp_path / "r.toml").write_text(text)
    run = Run(load_recipe(tmp_path / "r.toml"), [tiny.take()], tmp_path / "run")
    run.train("joint")
    training = tmp_path / "run/training"
    after = load_file(training / "joint.ckpt.safetensors")

    def moved(stage: str, name: str, key: str) -> bool:
        before = load_file(training / f"{stage}.ckpt.safetensors")
        return not torch.equal(after[f"module/{name}/{key}"], before[f"module/ema/{key}"])

    assert moved("khp", "khp", "motion.read.0.weight")
    assert moved("fpvg", "stu", "paint.weight") == bool(stu_rate)
    assert moved("fpvg", "fpvg_ema", "paint.weight") == bool(stu_rate)


def test_joint_training_counts_where_nothing_else_is_trained(trained: Path, tmp_path: Path):
    """KHP and FPVG of another performer, which the recipe gives no steps, and then `joint`."""
    (tmp_path / "r.toml").write_text(tiny.RECIPE + "stu_rate = 1e-4\n")
    recipe = load_recipe(tmp_path / "r.toml")
    others = ("transcription", "motion", "khp", "cvg", "fpvg")
    recipe = replace(recipe, **{n: replace(getattr(recipe, n), steps=0) for n in others})
    run = Run(recipe, [tiny.take()], tmp_path / "run", device="cpu", start_from=trained)
    run.train("joint")
    checkpoint = load_file(tmp_path / "run/training/joint.ckpt.safetensors")
    for stage, key in (("khp", "motion.read.0.weight"), ("fpvg", "paint.weight")):
        alone, joint = (run.weights.averaged(stage, joint=joint) for joint in (False, True))
        expected = checkpoint[f"module/{stage}_ema/{key}"]
        torch.testing.assert_close(joint.state_dict()[key], expected, atol=0, rtol=0)
        assert not torch.equal(alone.state_dict()[key], expected)
