"""EMG codes moved from strides into a batch, a vector at a time.

Vectors are stored at addresses that are multiples of their size, and around the cache: a batch is larger than what is
left of it, and a store through it reads memory before it writes it. This loop is a fifth faster so. Compiled code has
pointers and no arrays, whose references would be counted in the loop.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from biomech_xr.compiled import compiled
from biomech_xr.store.encoding import SCALE

LANES: Final = 8
"""Values of one vector."""

_LANES, _SCALE = LANES, float(SCALE)


def _moved(lanes: int) -> Any:
    """Return a function for compiled code that moves so many successive codes.

    ``move(source, start, target, to)`` copies int16 codes to an int16 target, and scales them for a float32 target.
    """

    def make(_typing: Any, source: Any, start: Any, target: Any, to: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            code, value = (_many(context.get_value_type(kind.dtype), lanes) for kind in (source, target))
            first, place = (
                builder.bitcast(builder.gep(pointer, [index]), kind.as_pointer())
                for pointer, index, kind in ((*arguments[:2], code), (*arguments[2:], value))
            )
            moved = builder.load(first, align=source.dtype.bitwidth // 8)
            if code != value:
                wide = builder.sitofp(builder.sext(moved, _many(ir.IntType(32), lanes)), value)
                moved = builder.fmul(wide, ir.Constant(value, [_SCALE] * lanes if lanes > 1 else _SCALE))
            put = builder.store(moved, place, align=lanes * target.dtype.bitwidth // 8)
            if lanes > 1:
                put.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))
            return context.get_dummy_value()

        return types.void(source, start, target, to), generate

    return intrinsic(make)


def _many(kind: Any, lanes: int) -> Any:
    """Return the LLVM type of so many values."""
    return ir.VectorType(kind, lanes) if lanes > 1 else kind


def _row(source: Any, start: int, target: Any, to: int, window: int, head: int) -> None:
    """Move ``window`` codes: ``head`` of them, and what lies behind whole vectors, one by one."""
    body = head + (window - head) // _LANES * _LANES
    for j in range(head):
        move(source, start + j, target, to + j)
    for j in range(head, body, _LANES):
        stream(source, start + j, target, to + j)
    for j in range(body, window):
        move(source, start + j, target, to + j)


move = _moved(1)
stream = _moved(LANES)
move_row = compiled()(_row)
