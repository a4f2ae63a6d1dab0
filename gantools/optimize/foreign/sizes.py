"""Which sizes a foreign graph takes. Where the user does not say, they are found by trying."""

from __future__ import annotations

from gantools.core.errors import ArtifactError, RecipeError
from gantools.core.registry import unknown_name
from gantools.core.sampler import Sampler
from gantools.core.spec import AxisRange, GraphSpec
from gantools.optimize.foreign.interface import DEFAULT_AXES, IMAGE_AXES, Adoption, Interface, is_channels_last
from gantools.optimize.foreign.original import Original
from gantools.verify.trials import trial_inputs

_STEPS = (1, 2, 4, 8, 16, 32, 64)
_PROBED = 128  # edge of the images that steps are tried with, and a multiple of all of them
_LEAST = (16, 32, 64, 128)


def axes_of(interface: Interface, options: Adoption) -> dict[str, AxisRange]:
    """Limits of every dynamic axis, those of images not tried yet.

    Raises:
        RecipeError: An axis has none.
        UnknownNameError: There is no such axis.
    """
    for axis in options.axes:
        if axis not in interface.axes:
            raise unknown_name("dynamic axis of this graph", axis, list(interface.axes))
    axes = {}
    for axis in interface.axes:
        limits = options.axes.get(axis) or DEFAULT_AXES.get(axis)
        if limits is None:
            raise RecipeError(
                f"axis '{axis}' is dynamic, and no limits are known.", hint=f"for example --axis {axis}=1:16:64"
            )
        axes[axis] = limits
    if "batch" in axes and not all(tensor.has_rows for tensor in interface.inputs):
        axes["batch"] = AxisRange(min=1, opt=1, max=1)  # what all samples of a batch share cannot be of one seed
    return axes


def sized(original: Original, spec: GraphSpec, interface: Interface, options: Adoption) -> tuple[GraphSpec, int | None]:
    """The limits of height and width that the graph really has, and by how much it enlarges an image.

    Raises:
        ArtifactError: No size that was tried or given can be run, or the result is no whole multiple.
    """
    image = interface.image
    if image is None:
        return spec, None

    def scale_at(height: int, width: int) -> int | None:
        sizes = {name: size for name, size in zip(IMAGE_AXES, (height, width), strict=True) if name in spec.axes}
        given = trial_inputs(spec, Sampler(kind="", graph="", noise=dict(interface.noise)), [0], sizes=sizes)
        shapes = original.shapes(given)
        if isinstance(shapes, str):
            problems.append(shapes)
            return None
        high, wide = given[image.name].shape[1:3]
        for name, shape in shapes.items():
            last = is_channels_last(shape)
            if last is None or options.output not in (None, name):
                continue
            down, across = shape[1:3] if last else shape[2:]
            if down % high == 0 and across % wide == 0 and down // high == across // wide:
                return int(down // high)
        problems.append(f"it makes {', '.join(map(str, shapes.values()))} of {high}x{wide} pixels")
        return None

    def tried(height: int, width: int) -> int | None:
        wanted = {"height": height, "width": width}
        return scale_at(*(opt[axis] if axis in options.axes else size for axis, size in wanted.items()))

    problems: list[str] = []
    opt = {"height": 1, "width": 1} | spec.sizes("opt")
    asked = [axis for axis in IMAGE_AXES if axis in spec.axes and axis not in options.axes]
    if not asked:
        scale = scale_at(opt["height"], opt["width"])
        if scale is None and not set(IMAGE_AXES).isdisjoint(spec.axes):
            raise ArtifactError(f"the sizes given by --axis do not fit: {problems[-1]}", hint="give others")
        return spec, scale
    for step in _STEPS:
        if scale := tried(_PROBED + step, _PROBED + 3 * step):
            break
    else:
        raise ArtifactError(
            f"no size of image that was tried fits: {problems[-1]}", hint="give --axis height=MIN:OPT:MAX, and width"
        )
    least = next((low for low in _LEAST if low % step == 0 and tried(low, low)), DEFAULT_AXES["height"].opt)
    for axis in asked:
        limits = DEFAULT_AXES[axis]
        spec = spec.with_axis(axis, AxisRange(min=least, opt=limits.opt, max=limits.max, step=step))
    return spec, scale
