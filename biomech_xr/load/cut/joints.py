"""Values of joints at one sample and their backward differences, a vector of components at a time.

Three times as fast as one by one, and the same bits: the operations are the same ones, in the same order, in float64.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from biomech_xr.compiled import compiled
from biomech_xr.load.blocks.block import COMPONENTS

LANES: Final = 8
"""Components of one vector; those behind whole vectors are written one by one."""

_ROW, _LANES = COMPONENTS, LANES
_FLOAT, _DOUBLE, _BYTE, _NUMBER = ir.FloatType(), ir.DoubleType(), ir.IntType(8), ir.IntType(64)


def _many(kind: Any, lanes: int) -> Any:
    """Return the LLVM type of so many values."""
    return ir.VectorType(kind, lanes) if lanes > 1 else kind


def _spread(builder: Any, value: Any, lanes: int) -> Any:
    """Return a vector of one value."""
    if lanes == 1:
        return value
    nothing = ir.Constant(_many(_DOUBLE, lanes), ir.Undefined)
    first, everywhere = ir.Constant(ir.IntType(32), 0), ir.Constant(_many(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(builder.insert_element(nothing, value, first), nothing, everywhere)


class _Writer:
    """Emits the code for some neighboring components; `place` counts components of rows of `COMPONENTS`."""

    def __init__(self, builder: Any, lanes: int) -> None:
        self._builder, self._lanes = builder, lanes
        self._zero = self.constant(0.0)

    def constant(self, value: float) -> Any:
        """Return a number for every component."""
        return ir.Constant(_many(_DOUBLE, self._lanes), [value] * self._lanes if self._lanes > 1 else value)

    def _at(self, pointer: Any, place: Any, rows: int, kind: Any) -> Any:
        """Return the address of components so many rows on."""
        here = self._builder.add(place, ir.Constant(_NUMBER, rows * _ROW))
        return self._builder.bitcast(self._builder.gep(pointer, [here]), _many(kind, self._lanes).as_pointer())

    def read(self, pointer: Any, place: Any, rows: int) -> Any:
        """Return float32 values as float64."""
        found = self._builder.load(self._at(pointer, place, rows, _FLOAT), align=4)
        return self._builder.fpext(found, _many(_DOUBLE, self._lanes))

    def keep(self, values: Any, out: Any, mask: Any, place: Any, rows: int) -> None:
        """Write values as float32, or 0 with mask false where they are not finite: their difference is NaN then."""
        nothing = self._builder.fsub(values, values)
        good = self._builder.fcmp_ordered("ord", nothing, nothing)
        kept = self._builder.fptrunc(self._builder.select(good, values, self._zero), _many(_FLOAT, self._lanes))
        self._builder.store(kept, self._at(out, place, rows, _FLOAT), align=4)
        self._builder.store(
            self._builder.zext(good, _many(_BYTE, self._lanes)), self._at(mask, place, rows, _BYTE), align=1
        )


def _values(lanes: int) -> Any:
    """Return a function for compiled code: ``f(values, here, out, mask, to)`` keeps so many values."""

    def make(_typing: Any, values: Any, here: Any, out: Any, mask: Any, to: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            source, start, target, known, place = arguments
            writer = _Writer(builder, lanes)
            writer.keep(writer.read(source, start, 0), target, known, place, 0)
            return context.get_dummy_value()

        return types.void(values, here, out, mask, to), generate

    return intrinsic(make)


def _differences(lanes: int) -> Any:
    """Return a function for compiled code: ``f(values, here, rate, out, mask, to)`` keeps values, v' and v''."""

    def make(_typing: Any, values: Any, here: Any, rate: Any, out: Any, mask: Any, to: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            source, start, hertz, target, known, place = arguments
            writer, hertz = _Writer(builder, lanes), _spread(builder, hertz, lanes)
            now, back, older = (writer.read(source, start, -row) for row in range(3))
            first = builder.fmul(builder.fsub(now, back), hertz)
            bend = builder.fadd(builder.fsub(now, builder.fmul(writer.constant(2.0), back)), older)
            second = builder.fmul(builder.fmul(bend, hertz), hertz)
            for row, found in enumerate((now, first, second)):
                writer.keep(found, target, known, place, row)
            return context.get_dummy_value()

        return types.void(values, here, rate, out, mask, to), generate

    return intrinsic(make)


def _keep_row(values: Any, here: int, out: Any, mask: Any, to: int) -> None:
    """Write the components of one row."""
    for c in range(0, _ROW - _LANES + 1, _LANES):
        many_values(values, here + c, out, mask, to + c)
    for c in range(_ROW // _LANES * _LANES, _ROW):
        one_value(values, here + c, out, mask, to + c)


def _keep_state(values: Any, here: int, rate: float, out: Any, mask: Any, to: int) -> None:
    """Write angles, velocities and accelerations (backward differences) at a row."""
    for c in range(0, _ROW - _LANES + 1, _LANES):
        many_differences(values, here + c, rate, out, mask, to + c)
    for c in range(_ROW // _LANES * _LANES, _ROW):
        one_difference(values, here + c, rate, out, mask, to + c)


many_values, one_value = _values(LANES), _values(1)
many_differences, one_difference = _differences(LANES), _differences(1)
keep_row = compiled()(_keep_row)
keep_state = compiled()(_keep_state)
