"""The system call filter, as a classic BPF program in the form that `bwrap --seccomp FD` wants.

The kernel runs the program before every system call on a `struct seccomp_data` (little-endian on both machines):

    offset 0   u32 nr       the number of the system call
    offset 4   u32 arch     AUDIT_ARCH_* of the instruction set that the call was made in
    offset 16  u64 args[6]  the arguments; the low half of args[i] is at 16 + 8 * i

A program is a list of 8-byte instructions `(u16 code, u8 jt, u8 jf, u32 k)`. Only five are used: load a word, jump when
equal, jump when not less, mask, return. Jumps are relative and forward: `jt` and `jf` say how many instructions
to skip. The filter says what is forbidden and lets the rest pass; what it does not know (numbers given out after this
table was written, other instruction sets) is forbidden too.
"""

import errno
import platform
import struct
from collections.abc import Sequence

# The machines whose system call numbers are in the table below, with their AUDIT_ARCH constant and table column.
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_JUMP_EQUAL, _JUMP_NOT_LESS = 0x15, 0x35
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32_CALLS = 0x40000000  # x86_64 has a second table of calls behind this bit; no program here needs it
_LAST_KNOWN = 462
_NONE = -1

# Name: (number on x86_64, number on aarch64); -1 where the machine has no such call.
DENIED: dict[str, tuple[int, int]] = {
    # Large attack surface in the kernel that no test suite needs.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
    "modify_ldt": (154, _NONE),
    "lookup_dcookie": (212, 18),
    # Other processes.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # Keys are not kept apart by namespaces.
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    # Mounts and the view of the file system.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "sysfs": (139, _NONE),
    "ustat": (136, _NONE),
    # Namespaces; clone has its own rule.
    "unshare": (272, 97),
    "setns": (308, 268),
    # The kernel itself, its modules, its clock and its log.
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, _NONE),
    "get_kernel_syms": (177, _NONE),
    "query_module": (178, _NONE),
    "reboot": (169, 142),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, _NONE),
    "ioperm": (173, _NONE),
    "uselib": (134, _NONE),
    "nfsservctl": (180, 42),
    "_sysctl": (156, _NONE),
    "lsm_set_self_attr": (460, 460),
    # Memory placement: known for kernel bugs, and only tuning.
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
}

_CLONE, _CLONE3 = (56, 220), (435, 435)
_IOCTL, _SOCKET, _SOCKETPAIR, _PERSONALITY = (16, 29), (41, 198), (53, 199), (135, 92)
_NEW_NAMESPACE = 0x7E020000  # every CLONE_NEW* flag that clone() takes
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing into somebody's terminal
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16

Instruction = tuple[int, int, int, int]


def machine() -> str:
    """Return the name of this machine's instruction set, as in MACHINES when the filter knows it."""
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())


def program(name: str) -> bytes:
    """Assemble the filter for a machine of MACHINES; raises KeyError for another one."""
    arch, column = MACHINES[name]
    out: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, arch),
        _give(_KILL),
        (_LOAD, 0, 0, 0),
    ]
    if name == "x86_64":
        out += [(_JUMP_NOT_LESS, 0, 1, _X32_CALLS), _give(_KILL)]
    out += [(_JUMP_NOT_LESS, 0, 1, _LAST_KNOWN + 1), _fail(errno.ENOSYS)]
    for numbers in DENIED.values():
        if numbers[column] != _NONE:
            out += [(_JUMP_EQUAL, 0, 1, numbers[column]), _fail(errno.EPERM)]
    # clone3 keeps its flags in memory where a filter cannot look; ENOSYS makes the C library use clone.
    out += [(_JUMP_EQUAL, 0, 1, _CLONE3[column]), _fail(errno.ENOSYS)]
    for number, body in _rules(column):
        out += [(_JUMP_EQUAL, 0, len(body), number), *body]
    out.append(_give(_ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in out)


def _rules(column: int) -> list[tuple[int, list[Instruction]]]:
    """The calls whose arguments decide. Each body returns on every path."""
    clone = [_low(0), (_AND, 0, 0, _NEW_NAMESPACE), (_JUMP_EQUAL, 1, 0, 0), _fail(errno.EPERM), _give(_ALLOW)]
    ioctl = [_low(1), *_refuse_values((_TIOCSTI, _TIOCLINUX), errno.EPERM), _give(_ALLOW)]
    pair = [_low(0), (_JUMP_EQUAL, 1, 0, _UNIX), _fail(errno.EAFNOSUPPORT), _give(_ALLOW)]
    # 0: the usual one, 0xffffffff: only ask. Others switch memory protections off.
    persona = [_low(0), *_allow_values((0, 0xFFFFFFFF)), _fail(errno.EPERM)]
    return [
        (_CLONE[column], clone),
        (_IOCTL[column], ioctl),
        (_SOCKETPAIR[column], pair),
        (_PERSONALITY[column], persona),
        (_SOCKET[column], _socket()),
    ]


def _socket() -> list[Instruction]:
    """Allow unix sockets, TCP and UDP (within the empty network), and the route netlink that resolvers use.

    Anything else would make the kernel load rarely used protocol code on our behalf.
    """
    tcp_or_udp = [
        _low(1),
        (_AND, 0, 0, 0xF),  # the type without SOCK_NONBLOCK and SOCK_CLOEXEC
        (_JUMP_NOT_LESS, 0, 1, 3),
        _fail(errno.EPROTONOSUPPORT),
        _low(2),
        *_allow_values((0, 6, 17)),
        _fail(errno.EPROTONOSUPPORT),
    ]
    route = [_low(2), *_allow_values((0,)), _fail(errno.EPROTONOSUPPORT)]
    return [
        _low(0),
        *_allow_values((_UNIX,)),
        (_JUMP_EQUAL, 1, 0, _INET),
        (_JUMP_EQUAL, 0, len(tcp_or_udp), _INET6),
        *tcp_or_udp,
        (_JUMP_EQUAL, 0, len(route), _NETLINK),
        *route,
        _fail(errno.EAFNOSUPPORT),
    ]


def _low(argument: int) -> Instruction:
    """Load the low half of an argument: the kernel takes these arguments as 32-bit numbers and ignores the rest."""
    return (_LOAD, 0, 0, 16 + 8 * argument)


def _give(action: int) -> Instruction:
    return (_RETURN, 0, 0, action)


def _fail(number: int) -> Instruction:
    return _give(_ERRNO | number)


def _allow_values(values: Sequence[int]) -> list[Instruction]:
    return [part for value in values for part in ((_JUMP_EQUAL, 0, 1, value), _give(_ALLOW))]


def _refuse_values(values: Sequence[int], number: int) -> list[Instruction]:
    return [part for value in values for part in ((_JUMP_EQUAL, 0, 1, value), _fail(number))]
