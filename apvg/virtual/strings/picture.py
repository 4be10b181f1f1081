"""Pictures of the figure, path-traced by Mitsuba 3: soft light, shadows, the same for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from apvg.errors import ApvgError
from apvg.virtual.strings.camera import Camera
from apvg.virtual.strings.instruments import StringInstrument
from apvg.virtual.strings.meshes import Mesh
from apvg.virtual.strings.scene import COLOURS, figure, instrument_parts, room


class Painter:
    """Paints one pose after another of one instrument's player in one room."""

    def __init__(
        self, instrument: StringInstrument, size: int, camera: Camera | None = None
    ) -> None:
        """
        Args:
            instrument: What is played.
            size: Width and height of the pictures, pixels.
            camera: Where the viewer is.

        Raises:
            ApvgError: Mitsuba is not installed.
        """
        self._mi = _mitsuba()
        self.size, self.camera = size, camera or Camera()
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
        # Lamp and sky by themselves, each sampled as it has least noise: paths towards the lamp, and paths that leave a surface
        # as it scatters, which all see the same sky unless something is in their way.
        self._lights = [
            (lamp, self._mi.load_dict({"type": "direct", "emitter_samples": 1, "bsdf_samples": 0})),
            (sky, self._mi.load_dict({"type": "direct", "emitter_samples": 0, "bsdf_samples": 1})),
        ]

    def paint(self, points_K3: np.ndarray, samples: int, seed: int = 0) -> np.ndarray:
        """One picture, RGB uint8 [size, size, 3].

        Args:
            points_K3: A pose of `BODY_HANDS_AND_BOW`, metres.
            samples: Light paths per pixel: 8 for training, 256 where noise must not count.
            seed: Of the noise.
        """
        moving = {name: self._shape(name, mesh) for name, mesh in figure(points_K3).items()}
        light_HWC = np.zeros((self.size, self.size, 3))
        for light, integrator in self._lights:
            scene = self._mi.load_dict(self._scene | light | moving)
            image = self._mi.render(scene, spp=samples, seed=seed, integrator=integrator)
            light_HWC += np.array(image)[..., :3]
        return _developed(light_HWC)

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
                    "rfilter": {"type": "gaussian"},
                },
                "sampler": {"type": "multijitter"},
            },
        }

    def _shape(self, name: str, mesh: Mesh) -> Any:
        mi = self._mi
        properties = mi.Properties()
        properties["bsdf"] = self._material(name.split("_")[0])
        shape = mi.Mesh(name, len(mesh.vertices_V3), len(mesh.faces_F3), has_vertex_normals=True, props=properties)  # fmt: skip
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


def _mitsuba() -> Any:
    try:
        import mitsuba  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ApvgError(
            'pictures of the virtual cellist need Mitsuba: pip install "apvg[virtual]", or ask for takes without pictures'
        ) from error
    mitsuba.set_variant("scalar_rgb")
    return mitsuba


def _developed(light_HWC: np.ndarray) -> np.ndarray:
    """Linear light to 8-bit sRGB (IEC 61966-2-1), its highlights rolled off."""
    light_HWC = light_HWC.clip(0)
    rolled_HWC = light_HWC * (1 + light_HWC / 6) / (1 + light_HWC)
    rolled_HWC = (1.45 * rolled_HWC).clip(0, 1)
    srgb_HWC = np.where(
        rolled_HWC <= 0.0031308, 12.92 * rolled_HWC, 1.055 * rolled_HWC ** (1 / 2.4) - 0.055
    )
    return (255 * srgb_HWC).round().astype(np.uint8)
