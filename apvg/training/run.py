"""From takes and a recipe to a performer: the stages one after the other, each from its newest checkpoint.

KHP and CVG are trained first. FPVG begins with tracked keypoints alone and goes on with what the two predict for the
same music, so its first phase needs neither.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from apvg.base.errors import ApvgError
from apvg.base.files import atomic_path
from apvg.base.progress import track
from apvg.bundle import STAGES, PerformerConfig, load_stage, read_config, write_bundle
from apvg.installed import find_performer
from apvg.instruments.keyboard import LOWEST_PITCH, Keys
from apvg.instruments.skeleton import Skeleton
from apvg.models.cvg import CoarseVideoGenerator
from apvg.models.khp import HELD, KeypointPredictor
from apvg.models.pose_space import PoseSpace
from apvg.models.transcription.encoder import PITCHES
from apvg.music.features import FeatureConfig, extract_features
from apvg.music.notes import Notes
from apvg.performer import Performer, build_stages
from apvg.streaming import CoarseVideo, Features, Poses
from apvg.takes.take import Take
from apvg.training.board import Board
from apvg.training.bowing import BowedTake, BowingTrainer, are_strokes, find_events
from apvg.training.checkpoint import load_checkpoint
from apvg.training.cvg import CVGTrainer
from apvg.training.fpvg import FPVGTrainer, Predictions
from apvg.training.hearing import HeardTake, HearingTrainer
from apvg.training.joint import JointTrainer
from apvg.training.khp import KHPTrainer, KHPTrainingConfig, MotionTake, stops_of
from apvg.training.loop import Trainer, fit
from apvg.training.music import OCTAVE_IN_WHITE_KEYS, Music, joined
from apvg.training.recipe import PARTS, Recipe
from apvg.training.scene import Scene, build_scene

Stage = Literal["hear", "bow", "move", "khp", "cvg", "fpvg", "joint", "all"]
#: How much of a take TensorBoard shows the keypoints of, seconds.
_SHOWN = 20.0
TRAININGS = ("hear", "bow", "move", *STAGES, "joint")


class Run:
    """One training run in a folder: checkpoints and curves below `training`, the performer beside it."""

    def __init__(
        self,
        recipe: Recipe,
        takes: Sequence[Take],
        folder: Path,
        *,
        device: str = "auto",
        start_from: Path | None = None,
    ) -> None:
        if start_from is None and recipe.start_from:
            start_from = find_performer(recipe.start_from)
        self.recipe, self.folder, self.start_from = recipe, folder, start_from
        self.training = folder / "training"
        takes = _for_training(takes, recipe)
        by_name = {take.name: take for take in takes}
        generated = tuple(take.name for take in takes if not take.filmed)
        filmed = [take for take in takes if take.filmed]
        if not filmed:
            raise ApvgError(
                "only generated takes are there to train on, and a performer needs footage; "
                "prepare some, of the split train, with: apvg prepare"
            )
        names = (recipe.takes or tuple(take.name for take in filmed)) + generated
        self.scene_takes = _scene_takes(filmed, recipe)
        missing = sorted(set(names) - set(by_name))
        if not self.scene_takes:
            missing.insert(0, recipe.scene)
        if missing:
            raise ApvgError(
                f"recipe {recipe.name} needs a take {missing[0]!r}, and there are only "
                f"{_few([take.name for take in filmed])} with pictures; prepare it first"
            )
        self.takes = [by_name[name] for name in names]
        self.config = performer_config(recipe, self.scene_takes[0], self.takes)
        if start_from is not None and "khp" in recipe.start_stages:
            self.config = self._with_hands_of(read_config(start_from))
        logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        try:
            self.fabric = Fabric(accelerator=device, devices=1, precision=_precision(device))
        except RuntimeError as error:
            raise ApvgError(
                f"the device {device!r} is not to be had here ({str(error).splitlines()[0]}); use --device cpu"
            ) from None
        torch.manual_seed(recipe.fpvg.seed)
        self._musics: dict[str, Music] = {}

    def train(self, stage: Stage, *, until: int | None = None, tensorboard: bool = False) -> None:
        """Train a stage, or all of them, and write the performer once every stage is done."""
        for name in TRAININGS if stage == "all" else (stage,):
            if not self._finished(name):
                board = self._board(name) if tensorboard else None
                trainer = self._trainer(name, until)
                fit(trainer, self.training, resume=True, until=until, board=board)
        if all(self._finished(name) for name in STAGES):
            self.write_performer()

    def write_performer(self) -> None:
        """The averaged weights of all stages as a performer in the run's folder."""
        performer = self._averages(STAGES)
        joint = self.training / "joint.ckpt.safetensors"
        if joint.exists():
            load_checkpoint(joint, {"khp_ema": performer.khp, "fpvg_ema": performer.stu}, {})
        scene = self._scene()
        plate_HWC = (scene.plate_CHW * 255).round().byte().permute(1, 2, 0).numpy()
        performer = _with_plate(performer, plate_HWC)
        middle = scene.training_T[len(scene.training_T) // 2]
        sample = next(
            performer.render(
                scene.keypoints_TKD[middle : middle + 1].numpy(),
                scene.confidence_TK[middle : middle + 1].numpy(),
            )
        )
        with atomic_path(self.folder / "bundle") as partial:
            partial.mkdir()
            write_bundle(
                partial,
                self.config,
                performer.stages,
                plate_HWC,
                sample.frames_THWC[0],
                _card(self.config),
            )
        for file in (self.folder / "bundle").iterdir():
            file.replace(self.folder / file.name)
        shutil.rmtree(self.folder / "bundle")

    def _board(self, name: str) -> Board:
        """A stage's event files; of stages that predict keypoints with the paper's figure."""
        from apvg.evaluation.charts import component_picture
        from apvg.measures.motion import pose_component, seen

        take = self.scene_takes[0]
        held_out = list(self.recipe.held_out.get(take.name, {}).values())
        start, stop = held_out[0] if held_out else (0.0, take.duration)
        now = slice(round(start * take.fps), round(min(stop, start + _SHOWN) * take.fps))

        def panels() -> dict[str, np.ndarray]:
            performer = self._averages(("khp",))
            if name == "joint":
                load_checkpoint(
                    self.training / "joint.ckpt.safetensors", {"khp_ema": performer.khp}, {}
                )
            heard = performer.predict_keypoints(resample(take, performer.sample_rate))
            true_TKD = seen(take.keypoints_TKD, take.confidence_TK)
            component = pose_component(seen(*heard)[now], true_TKD[now])
            return {"keypoints": component_picture(component, take.fps, start)}

        folder = self.training / "tensorboard" / name
        return Board(folder, panels if name in ("khp", "joint") else None)

    def _trainer(self, name: str, until: int | None) -> Trainer:
        recipe, config = self.recipe, self.config
        if name == "joint":
            trained, average = self._averages(STAGES), self._averages(STAGES)
            for network in (trained.khp, trained.stu):
                network.train().requires_grad_(True)
            return JointTrainer(
                self.fabric,
                (trained.khp, trained.stu),
                (average.khp, average.stu),
                trained.dlt,
                trained.space,
                self._scene(),
                self._scene_music(),
                recipe.joint,
            )
        if name == "hear":
            takes = [take for take in self.takes if take.notes is not None and len(take.notes)]
            if not takes:
                raise ApvgError(
                    "no take has notes to tell KHP's ears what sounds; prepare them with --midi, or give the stage "
                    "hear no steps in the recipe"
                )
            heard = [
                HeardTake(self._music(take), training_mask(take, recipe), take.filmed)
                for take in track(takes, "listening to takes", len(takes))
            ]
            networks = self._network("khp"), self._network("khp")
            return HearingTrainer(self.fabric, *networks, heard, recipe.hear)
        if name == "bow":
            return self._bowing_trainer()
        if name in ("move", "khp"):
            settings = recipe.move if name == "move" else recipe.khp
            networks = self._network("khp"), self._network("khp")
            if name == "khp":
                self._load_parts(networks[0])
            moved = [
                self._motion_take(take, settings, networks[0])
                for take in track(self.takes, "looking at takes", len(self.takes))
            ]
            on_keys = all(take.corners_42 is not None for take in self.takes)
            settings = replace(settings, shift_octaves=settings.shift_octaves and on_keys)
            return KHPTrainer(self.fabric, *networks, moved, settings, name, on_keys=on_keys)
        network, average = self._network(name), self._network(name)
        if name == "cvg":
            if self.start_from is None or "cvg" not in recipe.start_stages:
                self._lend_ears(network)
            silent = [take.name for take in self.scene_takes if not take.samples_S.any()]
            if silent:
                raise ApvgError(
                    f"take {silent[0]} is silent, and CVG paints from sound; prepare it again with "
                    "--audio, or give CVG no steps (as the recipe pianist-silent does)"
                )
            octave = self._octave_pixels() if recipe.cvg.shift_octaves else 0
            return CVGTrainer(
                self.fabric,
                network,
                average,
                self._scene(),
                self._scene_music(),
                octave,
                recipe.cvg,
            )
        predictions = None
        if until is None or until > recipe.fpvg.predicted_from:
            predictions = self._predictions()
        dlt = build_stages(config)[2]
        return FPVGTrainer(
            self.fabric, network, average, dlt, self._scene(), predictions, recipe.fpvg
        )

    def _bowing_trainer(self) -> BowingTrainer:
        """Of the takes whose strokes are known, by the ears that are there."""
        khp, average = self._network("khp"), self._network("khp")
        if khp.strokes is None:  # KHP is of the shape that it starts from
            raise ApvgError(
                f"{self.recipe.start_from or self.start_from} has nothing that tells strokes; in the recipe's start_stages "
                "name hear and move in place of khp"
            )
        self._load_parts(khp)
        khp.eval().requires_grad_(False)
        known = [take for take in self.takes if "strings" in take.metadata]
        bowed = [
            self._bowed_take(take, khp) for take in track(known, "listening to takes", len(known))
        ]
        if not any(len(take.stroke_N) for take in bowed):
            raise ApvgError(
                "no take tells how it is bowed, in sound that the ears hear; make some with: apvg virtual --instrument cello, or "
                "give the stage bow no steps in the recipe"
            )
        khp.strokes.train().requires_grad_(True)
        return BowingTrainer(self.fabric, khp.strokes, average.strokes, bowed, self.recipe.bow)

    def _bowed_take(self, take: Take, khp: KeypointPredictor) -> BowedTake:
        """A take's events as KHP's ears suspect them; kept on disk, for it takes minutes."""
        music, notes = self._music(take), take.notes
        assert music.features_RF is not None
        assert notes is not None
        path = self._kept(take, "bowed", khp)
        if not path.exists():
            frame_N, known_NX = find_events(khp, music.features_RF)
            with atomic_path(path) as partial:
                np.save(partial, torch.cat([frame_N[:, None].float(), known_NX], dim=1).numpy())
        event_NX = torch.from_numpy(np.load(path))
        stroke_B = np.round(notes.onset_N[~notes.slurred_N] * self.config.features.fps)
        return BowedTake(event_NX[:, 1:], are_strokes(event_NX[:, 0].long(), stroke_B))

    def _kept(self, take: Take, what: str, khp: KeypointPredictor) -> Path:
        """Where what KHP's ears tell of a take is kept."""
        digest = hashlib.sha256(repr((khp.config, self.config.features, HELD)).encode())
        digest.update(take.samples_S.tobytes())
        parts = [khp.listen] if what == "bowed" else [khp.listen, khp.strokes]
        for value in (v for part in parts if part is not None for v in part.state_dict().values()):
            digest.update(value.numpy().tobytes())
        path = self.training / what / f"{take.name}-{digest.hexdigest()[:12]}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _lend_ears(self, cvg: CoarseVideoGenerator) -> None:
        """Begin CVG with ears that hear already: those of KHP, or of the CVG that the start's performer has, if they are alike."""
        listening = self.config.cvg.listening
        if listening == self.config.khp.listening:
            heard = self._averages(("khp",)).khp.listen.state_dict()
            cvg.listen.load_state_dict(heard)
        elif self.start_from is not None:
            start = read_config(self.start_from)
            if start.cvg.listening == listening:
                load_stage(self.start_from, start, "cvg", cvg.listen, "listen")

    def _load_parts(self, khp: KeypointPredictor) -> None:
        """Begin with what the stages `hear`, `bow` and `move` have come to, where they were trained."""
        for name, part in PARTS.items():
            checkpoint = self.training / f"{name}.ckpt.safetensors"
            if not checkpoint.exists():
                continue
            if name != "move":
                load_checkpoint(checkpoint, {"ema": khp.get_submodule(part)}, {})
                continue
            # Its checkpoint is of all KHP, whose other parts it left as it found them.
            others = {
                key: value.clone()
                for key, value in khp.state_dict().items()
                if not key.startswith(f"{part}.")
            }
            load_checkpoint(checkpoint, {"ema": khp}, {})
            khp.load_state_dict(others, strict=False)

    def _with_hands_of(self, before: PerformerConfig) -> PerformerConfig:
        """KHP in the shape of the weights that it begins with; where it is not taught to play, it plays what it has learnt to."""
        recipe = self.recipe
        if recipe.khp.by_ear and not before.khp.decided:
            raise ApvgError(
                f"recipe {recipe.name} teaches hands by_ear, and those of {before.name} are not told decided notes; "
                "give khp no by_ear, or start from another performer"
            )
        config = replace(self.config, khp=before.khp)
        if any(getattr(recipe, name).steps for name in (*PARTS, "khp")):
            return config
        return replace(config, compass=before.compass, voices=before.voices)

    def _network(self, name: str) -> Any:
        """A stage with the weights that its training starts from."""
        torch.manual_seed(getattr(self.recipe, name).seed)
        performer = Performer(self.config, np.zeros((*self.config.size[::-1], 3), np.uint8))
        network = performer.stages[name]
        if self.start_from is None:
            return network
        config = read_config(self.start_from)
        if name in self.recipe.start_stages:
            load_stage(self.start_from, config, name, network)
        elif name == "khp":
            for training, part in PARTS.items():
                if training in self.recipe.start_stages and getattr(network, part) is not None:
                    load_stage(self.start_from, config, name, network.get_submodule(part), part)
        return network

    def _averages(self, names: Sequence[str]) -> Performer:
        """A performer with the averaged weights of these stages, as their checkpoints hold them.

        A stage that the recipe gives no steps is as it begins; KHP as its halves were trained.
        """
        performer = Performer(self.config, np.zeros((*self.config.size[::-1], 3), np.uint8))
        for name in names:
            if not getattr(self.recipe, name).steps:
                network = self._network(name)
                if name == "khp":
                    self._load_parts(network)
                performer.stages[name].load_state_dict(network.state_dict())
                continue
            checkpoint = self.training / f"{name}.ckpt.safetensors"
            if not checkpoint.exists():
                raise ApvgError(f"{name} has not been trained in {self.folder}; train it first")
            load_checkpoint(checkpoint, {"ema": performer.stages[name]}, {})
        return performer.to("cpu")

    def _finished(self, name: str) -> bool:
        steps = getattr(self.recipe, name).steps
        checkpoint = self.training / f"{name}.ckpt.safetensors"
        return not steps or (checkpoint.exists() and load_checkpoint(checkpoint, {}, {}) >= steps)

    def _predictions(self) -> Predictions:
        """What the trained KHP and CVG predict for the scene's own music."""
        if not (self._finished("khp") and self._finished("cvg")):
            raise ApvgError(
                "FPVG trains on the predictions of KHP and CVG from step "
                f"{self.recipe.fpvg.predicted_from} on; train those to their end first"
            )
        performer = self._averages(("khp", "cvg"))
        plate_CHW = self._scene().plate_CHW
        plate_HWC = (plate_CHW * 255).round().byte().permute(1, 2, 0).numpy()
        performer = _with_plate(performer, plate_HWC)
        keypoints, coarse = [], []
        for take in track(self.scene_takes, "predicting", len(self.scene_takes)):
            samples_S = resample(take, performer.sample_rate)
            poses = Poses(performer.config, performer.engine)
            coarse_video = CoarseVideo(performer.config, performer.engine)
            for features_RF in Features(performer.config, performer.engine).run([samples_S]):
                keypoints_TKD, _ = poses.next(features_RF)
                keypoints.append(keypoints_TKD)
                coarse_video.feed(features_RF)
                for coarse_Chw in coarse_video.take(len(keypoints_TKD)):
                    coarse.append((coarse_Chw * 255).round().to(torch.uint8))
        return Predictions(torch.cat(keypoints).clone(), torch.stack(coarse).clone())

    def _scene(self) -> Scene:
        """The scene's footage in memory, its plate and mattes kept on disk between calls."""
        if not hasattr(self, "_built_scene"):
            takes = self.scene_takes
            allowed = [training_mask(take, self.recipe) for take in takes]
            for mask_T in allowed[:-1]:
                mask_T[-1] = False  # or a clip might go on from one take to the next
            frames = [
                np.asarray(take.frames_THWC[i : i + 250])
                for take in takes
                for i in range(0, len(take), 250)
            ]
            self._built_scene = build_scene(
                np.concatenate(frames),
                np.concatenate([take.keypoints_TKD for take in takes]),
                np.concatenate([take.confidence_TK for take in takes]),
                np.concatenate(allowed),
                self.config.skeleton,
            )
        return self._built_scene

    def _scene_music(self) -> Music:
        """The music of the scene's frames."""
        return joined([self._music(take) for take in self.scene_takes])

    def _music(self, take: Take) -> Music:
        """A take's music; its features are kept on disk, for hours of them are slow to make and fill the memory."""
        if take.name not in self._musics:
            features = self.config.features
            digest = hashlib.sha256(take.samples_S.tobytes()).hexdigest()[:12]
            path = self.training / "features" / f"{take.name}-{digest}.npy"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                features_RF = extract_features(resample(take, features.sample_rate), features)
                with atomic_path(path) as partial:
                    np.save(partial, features_RF.astype(np.float16))
            features_RF = torch.from_numpy(np.load(path, mmap_mode="c"))
            self._musics[take.name] = Music(len(take), features_RF, take.notes, features)
        return self._musics[take.name]

    def _motion_take(
        self, take: Take, settings: KHPTrainingConfig, khp: KeypointPredictor
    ) -> MotionTake:
        space = PoseSpace(take.size[0], Keys().place(take.corners_42))
        return MotionTake(
            self._music(take)
            if settings.heard
            else Music(len(take), None, take.notes, self.config.features),
            space.to_poses(torch.from_numpy(take.keypoints_TKD).float()),
            torch.from_numpy(take.confidence_TK).float(),
            torch.from_numpy(training_mask(take, self.recipe)),
            take.filmed,
            self._told(take, khp) if settings.by_ear else None,
            stops_of(take),
        )

    def _told(self, take: Take, khp: KeypointPredictor) -> Tensor:
        """Keys struck and held [2, T, 88], bool, as KHP's ears tell them of a take; kept on disk, for it takes minutes."""
        music = self._music(take)
        assert music.features_RF is not None
        path = self._kept(take, "told", khp)
        if not path.exists():
            with atomic_path(path) as partial:
                np.save(partial, np.packbits(khp.transcribe(music.features_RF).numpy(), axis=-1))
        told_2TP = np.unpackbits(np.load(path), axis=-1, count=PITCHES)
        return torch.from_numpy(told_2TP.astype(bool))

    def _octave_pixels(self) -> int:
        """How far an octave is in the scene's picture, at the middle of the keyboard; 0 without one."""
        if self.config.corners is None:
            return 0
        space = build_stages(self.config)[0]
        here, there = space.to_pixels(
            torch.tensor([[22.5, 6.0], [22.5 + OCTAVE_IN_WHITE_KEYS, 6.0]])
        )
        return round(float(there[0] - here[0]))


def performer_config(recipe: Recipe, take: Take, takes: Sequence[Take]) -> PerformerConfig:
    """The performer that a recipe makes with a take's picture, and the music of some."""
    corners, compass, voices = None, (LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1), 0
    if take.corners_42 is not None:
        corners = tuple((float(x), float(y)) for x, y in take.corners_42)
    elif known := [take.notes for take in takes if take.notes is not None and len(take.notes)]:
        # A hand on a keyboard moves to any key; other players play what they were seen to play.
        pitches = [
            int(end) for notes in known for end in (notes.pitch_N.min(), notes.pitch_N.max())
        ]
        compass = min(pitches), max(pitches)
        voices = int(all(_is_melody(notes) for notes in known))
    return PerformerConfig(
        name=recipe.name,
        instrument=recipe.instrument,
        licence=recipe.licence,
        credit=recipe.credit,
        recipe=recipe.name,
        size=(int(take.size[0]), int(take.size[1])),
        skeleton=take.skeleton,
        corners=corners,
        features=FeatureConfig(fps=take.fps),
        khp=recipe.model.khp,
        cvg=recipe.model.cvg,
        stu=recipe.model.stu,
        sigma=recipe.model.sigma,
        compass=compass,
        voices=voices,
        held_out=recipe.held_out,
    )


def _is_melody(notes: Notes) -> bool:
    """Whether every note is over when the next begins."""
    return bool((notes.offset_N[:-1] <= notes.onset_N[1:] + 1e-6).all())


def _for_training(takes: Sequence[Take], recipe: Recipe) -> list[Take]:
    """The takes whose split is "train"; the others are kept for measuring."""
    chosen = [take for take in takes if take.about.split == "train"]
    others = {take.name: take.about.split for take in takes if take.about.split != "train"}
    barred = [name for name in (recipe.scene, *recipe.takes) if name in others]
    if barred:
        raise ApvgError(
            f"recipe {recipe.name} trains on the take {barred[0]!r}, whose split is "
            f"{others[barred[0]]}; only takes whose split is train may be trained on"
        )
    if not chosen:
        raise ApvgError(
            f"nothing to train on: the split of {', '.join(others)} is {' or '.join(sorted(set(others.values())))}; "
            "prepare some takes whose split is train"
        )
    return chosen


def _few(names: Sequence[str], most: int = 8) -> str:
    """Names for a message; of many only the first."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _scene_takes(filmed: Sequence[Take], recipe: Recipe) -> list[Take]:
    """The takes with the performer's picture, which one still camera has filmed.

    Raises:
        ApvgError: Their pictures or keypoints are not of one kind.
    """
    if not recipe.scene:
        return [max(filmed, key=len)]
    takes = [take for take in filmed if fnmatchcase(take.name, recipe.scene)]
    for take in takes[1:]:
        for what in ("fps", "size", "skeleton"):
            mine, first = getattr(take, what), getattr(takes[0], what)
            if mine != first:
                mine, first = (x.name if isinstance(x, Skeleton) else x for x in (mine, first))
                raise ApvgError(
                    f"recipe {recipe.name} makes one scene of the takes {recipe.scene}, and {what} of "
                    f"{take.name} is {mine}, of {takes[0].name} {first}; prepare them alike, or name fewer"
                )
        if not _same_corners(take, takes[0]):
            raise ApvgError(
                f"recipe {recipe.name} makes one scene of the takes {recipe.scene}, and the keyboard of "
                f"{take.name} is not where that of {takes[0].name} is; name one of them"
            )
    return takes


def _same_corners(one: Take, other: Take) -> bool:
    if one.corners_42 is None or other.corners_42 is None:
        return one.corners_42 is other.corners_42
    return bool(np.allclose(one.corners_42, other.corners_42, atol=1.0))


def training_mask(take: Take, recipe: Recipe) -> np.ndarray:
    """bool [T]: frames that may be trained on, held-out blocks and their guards left out."""
    seconds_T = np.arange(len(take)) / take.fps
    mask_T = np.ones(len(take), bool)
    for start, stop in recipe.held_out.get(take.name, {}).values():
        mask_T &= (seconds_T < start - recipe.guard) | (seconds_T >= stop + recipe.guard)
    return mask_T


def resample(take: Take, sample_rate: int) -> np.ndarray:
    """A take's sound at another rate, mono float32; exactly as long as its frames."""
    resampler = av.AudioResampler("flt", "mono", sample_rate)
    frame = av.AudioFrame.from_ndarray(take.samples_S[None].astype(np.float32), "flt", "mono")
    frame.sample_rate = take.sample_rate
    pieces = [p.to_ndarray()[0] for f in (frame, None) for p in resampler.resample(f)]
    samples_S = np.concatenate(pieces)
    wanted = round(len(take) * sample_rate / take.fps)
    return np.pad(samples_S, (0, max(0, wanted - len(samples_S))))[:wanted]


def _with_plate(performer: Performer, plate_HWC: np.ndarray) -> Performer:
    """The same networks before a plate."""
    other = Performer(performer.config, plate_HWC)
    for name, network in performer.stages.items():
        other.stages[name].load_state_dict(network.state_dict())
    return other.to(str(performer.device))


def _precision(device: str) -> Any:
    """bf16 where the processor computes in it, which makes training almost twice as fast; else fp32."""
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    capable = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bf16-mixed" if capable else "32-true"


def _card(config: PerformerConfig) -> str:
    """First lines of the performer's card; what it was measured to do is added by who publishes it."""
    return (
        f"# {config.name}\n\nA performer of apvg: {config.instrument}, "
        f"{config.size[0]}×{config.size[1]} pixels at {config.features.fps} frames/s.\n\n"
        f"- Recipe: {config.recipe}\n- Licence: {config.licence}\n- Credit: {config.credit}\n"
    )
