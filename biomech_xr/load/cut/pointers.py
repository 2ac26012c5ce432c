"""Addresses in compiled loops: arrays of any number of blocks in one call, and memory asked for before it is needed."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic


def _pointer_to(kind: Any) -> Any:
    """Return a function for compiled code: an address (int64) as a pointer to values of a kind."""

    def make(_typing: Any, _address: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate  # type: ignore[attr-defined]

    return intrinsic(make)


byte_at = _pointer_to(types.uint8)
int16_at = _pointer_to(types.int16)
int64_at = _pointer_to(types.int64)
float32_at = _pointer_to(types.float32)
float64_at = _pointer_to(types.float64)


def _values_of(_typing: Any, array: Any) -> tuple[Any, Any]:
    """Point to the first value of an array, which somebody else keeps."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate  # type: ignore[attr-defined]


def _prefetch(_typing: Any, address: Any) -> tuple[Any, Any]:
    """Ask for the memory at an address without waiting; one beyond the end does no harm."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        place = builder.inttoptr(arguments[0], byte)
        builder.call(function, [place, number(0), number(3), number(1)])  # for reading, to keep, data
        return context.get_dummy_value()

    return types.void(address), generate


values_of = intrinsic(_values_of)
prefetch = intrinsic(_prefetch)
