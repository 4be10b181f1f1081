"""Pictures of the figure, path-traced by Mitsuba 3: soft light and shadows, with few light paths.

Two methods make few paths sufficient. Open Image Denoise removes the noise. And the room without
the figure is rendered once at high quality and kept wherever the figure changes nothing, so that
nothing static is blurred: all pictures use the same random numbers, so there they equal the room
rendered with as few paths.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

from apvg.base.errors import ApvgError
from apvg.instruments.camera import Camera
from apvg.instruments.strings import StringInstrument
from apvg.virtual.strings.meshes import Mesh
from apvg.virtual.strings.scene import COLOURS, figure, instrument_parts, room

#: Environment variable for another of Mitsuba's variants. `llvm_ad_rgb` is 1.7 times as fast on two
#: cores, but crashes with older versions of LLVM: 14 to 16 fail, 19 works.
VARIANT = "APVG_MITSUBA"
#: Light paths per pixel of the room without the figure.
_STILL_SAMPLES = 64


class Painter:
    """Renders poses of an instrument's player in a room."""

    def __init__(
        self, instrument: StringInstrument, camera: Camera, size: int, samples: int
    ) -> None:
        """
        Args:
            instrument: What is played.
            camera: Where the pictures are seen from.
            size: Width and height of the pictures, pixels.
            samples: Light paths per pixel: 16 for training, 64 for evaluation without noise
                (docs/data.md).

        Raises:
            ApvgError: Mitsuba is not installed.
        """
        self._mi, self._denoise = _mitsuba()
        self.camera, self.size, self.samples = camera, size, samples
        place = self._mi.ScalarTransform4f().look_at(
            origin=[-1.9, 2.9, 2.4], target=[0, 0.8, 0.1], up=[0, 1, 0]
        )
        lamp = {
            "lamp": {
                "type": "rectangle",
                "to_world": place @ self._mi.ScalarTransform4f().scale([0.8, 0.8, 1]),
                "emitter": {"type": "area", "radiance": {"type": "rgb", "value": [17, 16, 14.5]}},
            }
        }
        sky = {
            "sky": {"type": "constant", "radiance": {"type": "rgb", "value": [0.55, 0.57, 0.62]}}
        }
        still = {**room(), **instrument_parts(instrument)}
        self._scene = self._setting() | {
            name: self._shape(name, mesh) for name, mesh in still.items()
        }
        # Lamp and sky are rendered separately, each with the sampling of least noise: paths towards
        # the lamp, and paths scattered from surfaces, which all see the same sky unless something
        # is in their way.
        self._lights = [
            (lamp, self._mi.load_dict({"type": "direct", "emitter_samples": 1, "bsdf_samples": 0})),
            (sky, self._mi.load_dict({"type": "direct", "emitter_samples": 0, "bsdf_samples": 1})),
        ]
        self._room_HWC = self._denoise(self._light({}, max(samples, _STILL_SAMPLES)))
        self._rough_room_HWC = self._light({}, samples)

    def paint(self, points_K3: np.ndarray) -> np.ndarray:
        """One picture of a pose of `BODY_HANDS_AND_BOW` (metres), RGB uint8 [size, size, 3]; the
        same for the same pose."""
        moving = {name: self._shape(name, mesh) for name, mesh in figure(points_K3).items()}
        light_HWC = self._light(moving, self.samples)
        changed_HW = np.abs(light_HWC - self._rough_room_HWC).max(axis=-1) > 1e-6
        there_HW1 = gaussian_filter(maximum_filter(changed_HW.astype(np.float32), 3), 0.7)[
            ..., None
        ]
        return _developed(self._room_HWC + there_HW1 * (self._denoise(light_HWC) - self._room_HWC))

    def _light(self, moving: dict[str, Any], samples: int) -> np.ndarray:
        """Linear light per pixel, float32 [size, size, 3]."""
        light_HWC = np.zeros((self.size, self.size, 3), np.float32)
        for light, integrator in self._lights:
            scene = self._mi.load_dict(self._scene | light | moving)
            image = self._mi.render(scene, spp=samples, seed=0, integrator=integrator)
            light_HWC += np.array(image)[..., :3]
        return light_HWC

    def _setting(self) -> dict[str, Any]:
        mi, camera = self._mi, self.camera
        look = mi.ScalarTransform4f().look_at(origin=camera.at, target=camera.to, up=[0, 1, 0])
        return {
            "type": "scene",
            "sensor": {
                "type": "perspective",
                "fov": camera.field_of_view,
                "fov_axis": "y",
                "to_world": look,
                "film": {
                    "type": "hdrfilm",
                    "width": self.size,
                    "height": self.size,
                    "rfilter": {"type": "box"},  # keeps the noise of pixels independent
                },
                "sampler": {"type": "multijitter"},
            },
        }

    def _shape(self, name: str, mesh: Mesh) -> Any:
        mi = self._mi
        properties = mi.Properties()
        properties["bsdf"] = self._material(name.split("_")[0])
        shape = mi.Mesh(
            name,
            len(mesh.vertices_V3),
            len(mesh.faces_F3),
            has_vertex_normals=True,
            props=properties,
        )
        parameters = mi.traverse(shape)
        parameters["vertex_positions"] = mesh.vertices_V3.astype(np.float32).ravel()
        parameters["faces"] = mesh.faces_F3.astype(np.uint32).ravel()
        parameters.update()
        shape.recompute_vertex_normals()
        return shape

    def _material(self, colour: str) -> Any:
        reflectance = {"type": "rgb", "value": list(COLOURS[colour])}
        diffuse = {"type": "diffuse", "reflectance": reflectance}
        return self._mi.load_dict({"type": "twosided", "bsdf": diffuse})


def _mitsuba() -> tuple[Any, Callable[[np.ndarray], np.ndarray]]:
    """Mitsuba, and a function that denoises linear light."""
    try:
        import mitsuba  # pyright: ignore[reportMissingImports]
        import mitsuba_oidn as oidn  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ApvgError(
            "pictures of a virtual string player need Mitsuba",
            'install it with: pip install "apvg[virtual]", '
            "or make takes without pictures (0 light paths per pixel)",
            ["samples"],
        ) from error
    mitsuba.set_variant(os.environ.get(VARIANT, "scalar_rgb"))

    def denoise(light_HWC: np.ndarray) -> np.ndarray:
        return np.array(oidn.denoise(light_HWC, hdr=True, quality=oidn.Quality.Fast))

    return mitsuba, denoise


def _developed(light_HWC: np.ndarray) -> np.ndarray:
    """Linear light to 8-bit sRGB (IEC 61966-2-1), its highlights rolled off."""
    light_HWC = light_HWC.clip(0)
    rolled_HWC = light_HWC * (1 + light_HWC / 6) / (1 + light_HWC)
    rolled_HWC = (1.45 * rolled_HWC).clip(0, 1)
    srgb_HWC = np.where(
        rolled_HWC <= 0.0031308, 12.92 * rolled_HWC, 1.055 * rolled_HWC ** (1 / 2.4) - 0.055
    )
    return (255 * srgb_HWC).round().astype(np.uint8)
