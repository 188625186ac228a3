"""The way into the library for calls that are bytes already."""

import ctypes
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import _ffi

_BYTES_MAX = 2**31 - 1
"""A longer piece has no length that could cross."""


class _Buffer(ctypes.Structure):
    """Bytes that are the library's: it gives them out, and whoever it is given them frees them."""

    _fields_ = [("capacity", ctypes.c_uint64), ("len", ctypes.c_uint64), ("data", ctypes.c_void_p)]


class _Borrowed(ctypes.Structure):
    """Bytes that stay ours."""

    _fields_ = [("len", ctypes.c_int32), ("data", ctypes.c_char_p)]


class Crossing:
    """Gives bytes to the method ``call`` of one object of the library.

    Cost: three calls through ctypes, some four microseconds: the object's handle is cloned (each call takes one),
    the bytes are copied into the library, and the call is made.
    """

    def __init__(self, ffi: Any, target: Any, kind: str = "client") -> None:
        self._ffi = ffi
        self._target = target
        self._status = ffi._UniffiRustCallStatus
        # A second face of the loaded library, so that the generated one keeps its own signatures.
        library = ctypes.CDLL(ffi._UniffiLib._name)
        status = ctypes.c_void_p
        self._clone = library[f"uniffi_sillage_ffi_fn_clone_{kind}"]
        self._clone.argtypes, self._clone.restype = (ctypes.c_uint64, status), ctypes.c_uint64
        self._copy = library["ffi_sillage_ffi_rustbuffer_from_bytes"]
        self._copy.argtypes, self._copy.restype = (_Borrowed, status), _Buffer
        self._call = library[f"uniffi_sillage_ffi_fn_method_{kind}_call"]
        # A tracker is told the time before the call.
        before = () if kind == "client" else (_Buffer,)
        self._call.argtypes, self._call.restype = (ctypes.c_uint64, *before, _Buffer, status), None

    def give(self, call: bytes, *before: bytes) -> None:
        """Makes the call.

        Errors: ``InternalError`` if the library has met a defect, ``ValueError`` if there are too many bytes.
        """
        handle = self._target._handle
        if handle is None:
            return
        if len(call) > _BYTES_MAX:
            raise ValueError(f"a call of {len(call)} bytes is too long")
        status = self._status()
        place = ctypes.addressof(status)
        copies = [self._copy(_Borrowed(len(part), part), place) for part in before]
        copy = self._copy(_Borrowed(len(call), call), place)
        self._call(self._clone(handle, place), *copies, copy, place)
        if status.code:
            self._ffi._uniffi_check_call_status(None, status)
