"""How each stage is trained: the tables of a recipe, one for each stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TranscriptionTrainingConfig:
    """How the transcriber is trained.

    Attributes:
        steps: Steps in all. 0 leaves the stage out; the transcriber is then trained by the stage
            `khp` alone.
        excerpts: Excerpts per step.
        frames: Length of an excerpt, frames.
        rate: Peak learning rate of Adam.
        gains_db: Range of the random gain of the sound, dB.
        speeds: Range of the random playback speed.
        filmed_share: Share of the excerpts that come from filmed takes, where there are generated
            ones as well.
        octave_mixing_share: Share of the excerpts in which every note is doubled an octave lower
            (octave mixing). The upper note of an octave is the one that is usually missed, because
            the lower one has all of its partials.
        octave_mixing_db: Range of the random gain of those lower notes, dB.
        ema: Decay of the averaged weights, which later stages start from.
        seed: Seed of all random numbers.
    """

    steps: int = 0
    excerpts: int = 8
    frames: int = 80
    rate: float = 2e-3
    gains_db: tuple[float, float] = (-18.0, 6.0)
    speeds: tuple[float, float] = (0.85, 1.2)
    filmed_share: float = 0.05
    octave_mixing_share: float = 0.0
    octave_mixing_db: tuple[float, float] = (-8.0, 4.0)
    ema: float = 0.998
    seed: int = 0


@dataclass(frozen=True)
class StrokeTrainingConfig:
    """How the bow-stroke classifier is trained.

    Attributes:
        steps: Steps in all; 0 leaves the stage out.
        excerpts: Excerpts per step.
        events: Length of an excerpt, consecutive events.
        rate: Peak learning rate of AdamW.
        decay: Its weight decay.
        dropout: Dropout rate of the classifier's inputs and hidden state.
        ema: Decay of the averaged weights, which later stages start from.
        seed: Seed of all random numbers.
    """

    steps: int = 0
    excerpts: int = 32
    events: int = 60
    rate: float = 3e-3
    decay: float = 1e-3
    dropout: float = 0.2
    ema: float = 0.995
    seed: int = 0


@dataclass(frozen=True)
class MotionTrainingConfig:
    """How KHP's motion is trained, in the stages `motion` and `khp`.

    Attributes:
        steps: Steps in all.
        adversarial_from: First step with the motion discriminator.
        excerpts: Excerpts per step.
        transcribed: How many of them are transcribed, which trains the transcriber as well, end to
            end unless fingers are planned in between; 0 leaves it as it is.
        on_predicted_notes: How many of the others are played from the notes that the trained
            transcriber predicts, in place of the true ones.
        frames: Length of an excerpt, frames.
        warm_up: First frames of an excerpt, which fill the recurrent state and carry no loss.
        rate: Peak learning rate of Adam.
        gains_db: Range of the random gain of the sound, dB.
        speeds: Range of the random playback speed.
        shift_octaves: Whether excerpts are shifted by octaves, where the surface that is played on
            allows it.
        filmed_share: Share of the excerpts that come from filmed takes, where there are generated
            ones as well.
        missed: Share of onsets that are left out of the true notes, as a transcriber would miss
            them.
        spurious: Share of pitches and frames with an onset that is not there, as a transcriber
            would predict it.
        tip_weight: Weight of fingertips, and of the instrument's points, relative to other points.
        strike_weight: Added weight of frames with an onset.
        touch_weight: Weight of the distance from a played note to the finger that plays it: on keys
            the nearest fingertip, for another fingering can be right as well; on strings the finger
            that stops the string.
        heights_weight: Weight of the loss on heights, where they are known.
        lookahead: Range of the random look-ahead of planned fingers, frames.
        frame_onsets: Share of excerpts whose planned notes begin at frames, as transcribed ones do.
        stop_weight: Weight of the cross-entropy of where a string is stopped, and by which finger,
            where that is known.
        centroid_weight, velocity_weight, notes_weight, visible_weight: Weights of those losses.
        adversarial_weight, feature_weight: Weights of the adversarial and of the feature-matching
            loss.
        discriminator_rate: Learning rate of the discriminator.
        window: Frames that the discriminator is shown at a time.
        ema: Decay of the averaged weights, which ship.
        seed: Seed of all random numbers.
    """

    steps: int = 3000
    adversarial_from: int = 2600
    excerpts: int = 12
    transcribed: int = 4
    on_predicted_notes: int = 0
    frames: int = 200
    warm_up: int = 24
    rate: float = 1e-3
    gains_db: tuple[float, float] = (-18.0, 6.0)
    speeds: tuple[float, float] = (0.85, 1.2)
    shift_octaves: bool = True
    filmed_share: float = 0.2
    missed: float = 0.03
    spurious: float = 0.0002
    tip_weight: float = 2.0
    strike_weight: float = 2.0
    touch_weight: float = 3.0
    heights_weight: float = 1.0
    lookahead: tuple[int, int] = (3, 50)
    frame_onsets: float = 0.5
    stop_weight: float = 0.3
    centroid_weight: float = 1.0
    velocity_weight: float = 2.0
    notes_weight: float = 20.0
    visible_weight: float = 0.1
    adversarial_weight: float = 0.02
    feature_weight: float = 0.5
    discriminator_rate: float = 2e-4
    window: int = 48
    ema: float = 0.998
    seed: int = 0

    def __post_init__(self) -> None:
        least, most = min(self.transcribed, self.on_predicted_notes), self.excerpts
        if least < 0 or self.transcribed + self.on_predicted_notes > most:
            raise ValueError(
                f"transcribed and on_predicted_notes must add up to at most {most}, the excerpts "
                "of a step"
            )


@dataclass(frozen=True)
class CVGTrainingConfig:
    """How CVG is trained.

    Attributes:
        steps: Steps in all.
        adversarial_from: First step with discriminators.
        excerpts: Excerpts per step.
        frames: Length of an excerpt, frames.
        warm_up: First frames of an excerpt, which fill the network's past and carry no loss.
        rate: Peak learning rate of Adam.
        gains_db: Range of the random gain of the sound, dB.
        shift_octaves: Whether the performer and the music are shifted along the keyboard together,
            by octaves.
        limb_weight: Added weight of pixels of the performer, relative to those of the plate.
        matte_weight, notes_weight: Weights of those losses.
        adversarial_weight, feature_weight: Weights of the adversarial and of the feature-matching
            losses.
        discriminator_rate: Learning rate of the discriminators.
        ema: Decay of the averaged weights, which ship.
        seed: Seed of all random numbers.
    """

    steps: int = 1300
    adversarial_from: int = 1000
    excerpts: int = 2
    frames: int = 80
    warm_up: int = 48
    rate: float = 1e-3
    gains_db: tuple[float, float] = (-18.0, 6.0)
    shift_octaves: bool = True
    limb_weight: float = 5.0
    matte_weight: float = 0.1
    notes_weight: float = 0.5
    adversarial_weight: float = 0.01
    feature_weight: float = 0.2
    discriminator_rate: float = 2e-4
    ema: float = 0.998
    seed: int = 0


@dataclass(frozen=True)
class FPVGTrainingConfig:
    """How FPVG is trained.

    Attributes:
        steps: Steps in all phases together.
        predicted_from: First step with CVG's coarse video and KHP's keypoints among the inputs.
        adversarial_from: First step with discriminators.
        frames_per_step: Frames in a step's batch, split into clips of one of `clip_lengths` frames.
        clip_lengths: Lengths of clips, drawn anew each step, so that the ConvGRU sees short and
            long pasts.
        crop_width: Width of the crop around the hands, pixels; crops are as high as the frame.
        rate: Peak learning rate of Adam.
        adversarial_rate: Learning rate from `adversarial_from` on, constant.
        limb_weight: Added weight of pixels of the performer, relative to those of the plate, in the
            reconstruction loss.
        near_weight: Added weight of pixels near the bones of hands and instrument: of a whole
            player, hands are a small part.
        edge_weight: Weight of the loss on differences between neighbouring pixels.
        matte_weight: Weight of the matte's cross-entropy.
        empty_share: Share of clips that show the plate alone, without any keypoint.
        background_share: Share of clips whose performer is pasted onto another part of the plate.
        copy_paste_share: Share of clips whose hands are cut out and pasted anywhere, each turned
            and scaled a little (copy-paste augmentation).
        clip_jitter: Standard deviation of the error that is added to the keypoints of half the
            clips and is constant throughout a clip, pixels: once for each point, and once for all
            points together.
        frame_jitter: The same of an error that differs from frame to frame, which the ConvGRU can
            learn to smooth.
        predicted_share: Share of clips that are painted from KHP's keypoints, from `predicted_from`
            on.
        coarse_share: Share of clips with CVG's coarse video, from `predicted_from` on; the others
            get the plate.
        adversarial_weight, feature_weight: Weights of the adversarial and of the feature-matching
            losses.
        discriminator_rate: Learning rate of the discriminators.
        hand_crop: Side of the hand crops that the hand discriminator is shown, pixels.
        ema: Decay of the averaged weights, which ship.
        seed: Seed of all random numbers.
    """

    steps: int = 20000
    predicted_from: int = 12000
    adversarial_from: int = 16000
    frames_per_step: int = 16
    clip_lengths: tuple[int, ...] = (4, 4, 8, 16)
    crop_width: int = 192
    rate: float = 6e-4
    adversarial_rate: float = 1.5e-4
    limb_weight: float = 5.0
    near_weight: float = 0.0
    edge_weight: float = 1.0
    matte_weight: float = 0.1
    empty_share: float = 0.03
    background_share: float = 0.2
    copy_paste_share: float = 0.5
    clip_jitter: float = 0.6
    frame_jitter: float = 1.0
    predicted_share: float = 0.3
    coarse_share: float = 0.5
    adversarial_weight: float = 0.1
    feature_weight: float = 0.5
    discriminator_rate: float = 2e-4
    hand_crop: int = 64
    ema: float = 0.999
    seed: int = 0


@dataclass(frozen=True)
class JointTrainingConfig:
    """How KHP and the STU are trained together.

    Attributes:
        steps: Steps in all; 0 leaves the stage out.
        frames: Frames painted per step, after the warm-up.
        warm_up: Frames before them, which fill KHP's recurrent state.
        rate: Peak learning rate of Adam for KHP.
        stu_rate: The same for the STU; at 0 the STU is frozen.
        position_weight: Weight of KHP's own position loss (in pose units, where colours are in
            0..1).
        limb_weight: Added weight of pixels of the performer, relative to those of the plate.
        ema: Decay of the averaged weights, which ship.
        seed: Seed of all random numbers.
    """

    steps: int = 0
    frames: int = 4
    warm_up: int = 60
    rate: float = 5e-5
    stu_rate: float = 0.0
    position_weight: float = 0.05
    limb_weight: float = 5.0
    ema: float = 0.99
    seed: int = 0
