"""A type for compiled loops: a row of a block, one sample of each of the signals that run side by side.

A row is 64 bytes, 16 signals in float32 or 8 in float64, and lives in the registers of the processor: loops written
with it keep the state of a filter there, which loops over the lanes of an array do not. Blocks are arrays of shape
(samples, lanes) whose rows have that size, see `lanes.LANES`. Everything here works only in compiled functions.
"""

from __future__ import annotations

import operator
from typing import Any, Final

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.datamodel import models
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, register_model

ROW_BYTES: Final = 64
_FLAGS: Final = ("contract", "nsz")


class Row(types.Type):  # type: ignore[misc]
    """A row of float32 or float64 lanes; by default as many as 64 bytes hold."""

    def __init__(self, dtype: Any, lanes: int | None = None) -> None:
        self.dtype = dtype
        self.lanes = ROW_BYTES * 8 // dtype.bitwidth if lanes is None else lanes
        super().__init__(name=f"Row({dtype}, {self.lanes})")


@register_model(Row)
class _RowModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Row) -> None:
        super().__init__(manager, kind, _vector(kind))


def _vector(row: Row) -> ir.VectorType:
    """Return the type of a row in machine code."""
    return ir.VectorType(ir.FloatType() if row.dtype == types.float32 else ir.DoubleType(), row.lanes)


def _pointer(context: Any, builder: Any, kind: Any, block: Any, index: Any, row: Row) -> Any:
    """Return the address of a row of a block."""
    data = context.make_array(kind)(context, builder, block).data
    return builder.gep(builder.bitcast(data, _vector(row).as_pointer()), [index])


def _loaded(row: Row) -> Any:
    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:
        place = _pointer(context, builder, form.args[0], args[0], args[1], row)
        return builder.load(place, align=row.dtype.bitwidth // 8)

    return code


def _spread(row: Row) -> Any:
    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:  # noqa: ARG001 - the form numba calls
        empty = ir.Constant(_vector(row), ir.Undefined)
        first = builder.insert_element(empty, args[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), row.lanes), None))

    return code


@intrinsic  # type: ignore[untyped-decorator]
def load(_: Any, block: Any, index: Any) -> Any:  # noqa: ARG001 - the form numba reads
    """Return row ``index`` of a C-contiguous block; a flat array counts as rows too. Bounds are not checked."""
    row = Row(block.dtype)
    return row(block, types.intp), _loaded(row)


@intrinsic  # type: ignore[untyped-decorator]
def load_wide(_: Any, block: Any, index: Any, like: Any) -> Any:  # noqa: ARG001 - the form numba reads
    """Return row ``index`` of a block of float64 with as many lanes as the row ``like``."""
    row = Row(block.dtype, like.lanes)
    return row(block, types.intp, like), _loaded(row)


@intrinsic  # type: ignore[untyped-decorator]
def store(_: Any, block: Any, index: Any, row: Any) -> Any:  # noqa: ARG001 - the form numba reads
    """Write a row into a block; see `load`."""

    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:
        place = _pointer(context, builder, form.args[0], args[0], args[1], row)
        builder.store(args[2], place, align=block.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(block, types.intp, row), code


@intrinsic  # type: ignore[untyped-decorator]
def spread(_: Any, value: Any) -> Any:
    """Return a row with the value, float32 or float64, in every lane."""
    row = Row(value)
    return row(value), _spread(row)


@intrinsic  # type: ignore[untyped-decorator]
def spread_wide(_: Any, value: Any, like: Any) -> Any:
    """Return a row with the float64 value in as many lanes as the row ``like`` has."""
    row = Row(value, like.lanes)
    return row(value, like), _spread(row)


@intrinsic  # type: ignore[untyped-decorator]
def widen(_: Any, row: Any) -> Any:
    """Return a row in float64 with the same number of lanes."""
    wide = Row(types.float64, row.lanes)

    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:  # noqa: ARG001 - the form numba calls
        return args[0] if row == wide else builder.fpext(args[0], _vector(wide))

    return wide(row), code


@intrinsic  # type: ignore[untyped-decorator]
def narrow(_: Any, row: Any, like: Any) -> Any:
    """Return a row in the floating type of the row ``like``."""

    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:  # noqa: ARG001 - the form numba calls
        return args[0] if row == like else builder.fptrunc(args[0], _vector(like))

    return like(row, like), code


@intrinsic  # type: ignore[untyped-decorator]
def larger(_: Any, one: Any, two: Any) -> Any:
    """Return the larger value of each lane."""
    return one(one, two), _choose(">")


@intrinsic  # type: ignore[untyped-decorator]
def smaller(_: Any, one: Any, two: Any) -> Any:
    """Return the smaller value of each lane."""
    return one(one, two), _choose("<")


@intrinsic  # type: ignore[untyped-decorator]
def beyond(_: Any, value: Any, limit: Any, kept: Any) -> Any:
    """Return ``kept`` in lanes whose value is larger than the limit, and 0 in the others."""

    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:  # noqa: ARG001 - the form numba calls
        zero = ir.Constant(args[2].type, None)
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], zero)

    return kept(value, limit, kept), code


@intrinsic  # type: ignore[untyped-decorator]
def lanes_within(_: Any, value: Any, low: Any, high: Any) -> Any:
    """Return an integer with a bit set for each lane with low <= value < high."""

    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:  # noqa: ARG001 - the form numba calls
        inside = builder.and_(builder.fcmp_ordered(">=", args[0], args[1]), builder.fcmp_ordered("<", args[0], args[2]))
        return builder.zext(builder.bitcast(inside, ir.IntType(args[0].type.count)), ir.IntType(64))

    return types.int64(value, low, high), code


@intrinsic  # type: ignore[untyped-decorator]
def magnitude(_: Any, row: Any) -> Any:
    """Return the absolute value of each lane."""
    return row(row), _call("llvm.fabs")


@intrinsic  # type: ignore[untyped-decorator]
def root(_: Any, row: Any) -> Any:
    """Return the square root of each lane."""
    return row(row), _call("llvm.sqrt")


def _choose(relation: str) -> Any:
    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:  # noqa: ARG001 - the form numba calls
        return builder.select(builder.fcmp_ordered(relation, args[0], args[1]), args[0], args[1])

    return code


def _call(name: str) -> Any:
    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:  # noqa: ARG001 - the form numba calls
        kind = args[0].type
        lanes = f"v{kind.count}f{32 if kind.element == ir.FloatType() else 64}"
        module = builder.module
        full = f"{name}.{lanes}"
        function = module.globals.get(full) or ir.Function(module, ir.FunctionType(kind, [kind]), full)
        return builder.call(function, args)

    return code


def _operator(function: Any, instruction: str) -> None:
    """Let ``function``, such as `operator.add`, take two rows."""
    rows = [Row(types.float32), Row(types.float64), Row(types.float64, 16)]

    @infer_global(function)
    class _Template(ConcreteTemplate):  # type: ignore[misc]
        cases = [signature(row, row, row) for row in rows]  # noqa: RUF012 - the form numba reads

    @lower_builtin(function, Row, Row)  # type: ignore[untyped-decorator]
    def code(context: Any, builder: Any, form: Any, args: Any) -> Any:  # noqa: ARG001 - the form numba calls
        return getattr(builder, instruction)(*args, flags=_FLAGS)


for _function, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_function, _instruction)


def lanes_of(dtype: Any) -> int:
    """Return the number of signals side by side in this floating type; not for compiled functions."""
    return ROW_BYTES // int(np.dtype(dtype).itemsize)
