"""Takes from this process what a model does not need: other files, sockets, other processes, memory without end.

Called by the worker before it loads a model, which may run any code its author wrote. By Landlock (files) and seccomp
(sockets, other processes' memory), which need no privilege; where the kernel lacks one, the other and the memory limit
still hold, and what holds is reported. Promise: it cannot be undone, in this process or in one that it starts.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["confine"]

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION = 1
_RULE_PATH = 1

# linux/landlock.h: what the kernel of each ABI version knows of files.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | (1 << 14) | (1 << 15)
_TCP = 3  # bind and connect
_SCOPES = 3  # abstract unix sockets, and signals to processes outside

# What is refused: new sockets of any family, and reading or steering other processes of the same user.
_REFUSED = {
    "x86_64": (0xC000003E, {"socket": 41, "connect": 42, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
                            "io_uring_setup": 425, "pidfd_getfd": 438}),
    "aarch64": (0xC00000B7, {"socket": 198, "connect": 203, "ptrace": 117, "process_vm_readv": 270,
                             "process_vm_writev": 271, "io_uring_setup": 425, "pidfd_getfd": 438}),
}  # fmt: skip
_EPERM = 1

# Where libraries find their parts and facts about the machine.
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl", "/etc/mime.types",
           "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system/cpu", "/sys/fs/cgroup")  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


def confine(*, readable: Sequence[Path], scratch: Path, memory_bytes: int) -> list[str]:
    """Keep this process to what it may read, its scratch folder and so much memory; returns what holds."""
    holds = []
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    holds.append(f"memory {memory_bytes >> 20} MB")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return holds
    if version := _landlock(libc, readable, scratch):
        holds.append(f"landlock {version}")
    if _seccomp(libc):
        holds.append("seccomp")
    return holds


def _landlock(libc: ctypes.CDLL, readable: Sequence[Path], scratch: Path) -> int:
    version = int(libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_LANDLOCK_VERSION)))
    if version < 1:
        return 0
    handled = _FILE_RIGHTS[min(version, 5)]
    attributes = struct.pack("<QQQ", handled, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = int(libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0)))
    if rules < 0:
        return 0
    python = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent}
    # Where its modules are; but never a folder around its own, such as the data folder, whatever the path says.
    python |= {Path(path) for path in sys.path if path and not scratch.is_relative_to(Path(path).resolve())}
    own = Path(f"/proc/{os.getpid()}")
    for path in (*map(Path, _SYSTEM), *python, own, *readable):
        _allow(libc, rules, path, _READ & handled)
    for path in map(Path, _DEVICES):
        _allow(libc, rules, path, (_READ_FILE | _WRITE_FILE) & handled)
    _allow(libc, rules, scratch, handled)
    done = libc.syscall(_LANDLOCK_RESTRICT, ctypes.c_int(rules), ctypes.c_uint(0))
    os.close(rules)
    return version if done == 0 else 0


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine
    try:
        if not path.is_dir():
            rights &= _OF_FILES
        rule = struct.pack("<Qi", rights, descriptor)
        libc.syscall(_LANDLOCK_ADD, ctypes.c_int(rules), ctypes.c_int(_RULE_PATH), rule, ctypes.c_uint(0))
    finally:
        os.close(descriptor)


def _seccomp(libc: ctypes.CDLL) -> bool:
    """A filter of classic BPF: the architecture must be ours, the numbers of _REFUSED give EPERM, all else goes on."""
    if platform.machine() not in _REFUSED:
        return False
    audit, refused = _REFUSED[platform.machine()]
    numbers = sorted(refused.values())
    load_number, load_arch = (0x20, 0, 0, 0), (0x20, 0, 0, 4)
    allow, kill, deny = (0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x00050000 | _EPERM)
    program = [load_arch, (0x15, 1, 0, audit), kill, load_number, (0x35, len(numbers) + 1, 0, 0x40000000)]
    program += [(0x15, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    program += [allow, deny]
    code = b"".join(struct.pack("<HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    head = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    return int(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, head, 0, 0)) == 0
