"""The system call filter, by running its program in a small interpreter: both machines, whichever this one is."""

import errno
import struct
from collections.abc import Sequence

import pytest

from workers.sandbox import seccomp

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
MACHINES = list(seccomp.MACHINES)
CLONE_NEWUSER, CLONE_VM, SIGCHLD = 0x10000000, 0x100, 17
NAMES = {
    "read": (0, 63),
    "execve": (59, 221),
    "clone": (56, 220),
    "clone3": (435, 435),
    "ioctl": (16, 29),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "personality": (135, 92),
    "futex": (202, 98),
}


def decide(machine: str, number: int, args: Sequence[int] = (), arch: int | None = None) -> int:
    """Run the filter for one call, as the kernel would."""
    padded = [*args, *[0] * (6 - len(args))]
    data = struct.pack("<IIQ6Q", number, seccomp.MACHINES[machine][0] if arch is None else arch, 0, *padded)
    code = list(struct.iter_unpack("<HBBI", seccomp.program(machine)))
    at = accumulator = 0
    while True:  # every jump goes forward, so this ends
        operation, true, false, value = code[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x15:
            at += true if accumulator == value else false
        elif operation == 0x35:
            at += true if accumulator >= value else false
        else:
            assert operation == 0x06
            return int(value)


def call(machine: str, name: str, *args: int) -> int:
    return decide(machine, NAMES[name][seccomp.MACHINES[machine][1]], args)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_program_fits_what_the_kernel_takes(machine: str) -> None:
    program = seccomp.program(machine)
    assert len(program) % 8 == 0
    assert len(program) // 8 <= 4096


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["read", "execve", "futex"])
def test_ordinary_calls_pass(machine: str, name: str) -> None:
    assert call(machine, name, 1, 2, 3) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_of_the_table_is_refused(machine: str) -> None:
    column = seccomp.MACHINES[machine][1]
    for name, numbers in seccomp.DENIED.items():
        if numbers[column] >= 0:
            assert decide(machine, numbers[column]) == ERRNO | errno.EPERM, name


@pytest.mark.parametrize("machine", MACHINES)
def test_no_number_stands_for_two_calls(machine: str) -> None:
    column = seccomp.MACHINES[machine][1]
    numbers = [pair[column] for pair in seccomp.DENIED.values() if pair[column] >= 0]
    assert len(numbers) == len(set(numbers))
    assert not {pair[column] for pair in NAMES.values()} & set(numbers)


def test_another_instruction_set_is_killed() -> None:
    assert decide("x86_64", 0, arch=0x40000003) == KILL  # 32-bit calls of x86
    assert decide("aarch64", 63, arch=0x40000028) == KILL  # 32-bit calls of arm
    assert decide("x86_64", 0x40000000) == KILL  # x32


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_newer_than_the_table_do_not_exist(machine: str) -> None:
    assert decide(machine, 500) == ERRNO | errno.ENOSYS
    assert decide(machine, 467) == ERRNO | errno.ENOSYS  # open_tree_attr


@pytest.mark.parametrize("machine", MACHINES)
def test_clone_makes_threads_and_processes_but_no_namespaces(machine: str) -> None:
    assert call(machine, "clone", SIGCHLD) == ALLOW
    assert call(machine, "clone", CLONE_VM | SIGCHLD) == ALLOW
    assert call(machine, "clone", CLONE_NEWUSER | SIGCHLD) == ERRNO | errno.EPERM
    assert call(machine, "clone", 0xFFFFFFFF_00000000 | 0x20000000) == ERRNO | errno.EPERM
    assert call(machine, "clone3", 0, 0) == ERRNO | errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("family", "kind", "protocol", "allowed"),
    [
        (1, 1, 0, True),
        (2, 1, 0, True),
        (2, 1 | 0o2000000, 6, True),
        (10, 2, 17, True),
        (16, 3, 0, True),
        (2, 3, 1, False),  # raw
        (2, 5, 132, False),  # SCTP
        (2, 1, 262, False),  # MPTCP
        (16, 3, 12, False),  # netfilter
        (17, 3, 0, False),  # packet
        (38, 5, 0, False),  # kernel crypto
        (40, 1, 0, False),  # vsock
        (29, 3, 1, False),  # CAN
    ],
)
def test_sockets(machine: str, family: int, kind: int, protocol: int, *, allowed: bool) -> None:
    assert (call(machine, "socket", family, kind, protocol) == ALLOW) is allowed


@pytest.mark.parametrize("machine", MACHINES)
def test_other_calls_whose_arguments_decide(machine: str) -> None:
    assert call(machine, "ioctl", 0, 0x5401) == ALLOW
    assert call(machine, "ioctl", 0, 0x5412) == ERRNO | errno.EPERM
    assert call(machine, "ioctl", 0, 0x1_0000_5412) == ERRNO | errno.EPERM  # the kernel sees only the low half
    assert call(machine, "socketpair", 1, 1, 0) == ALLOW
    assert call(machine, "socketpair", 30, 1, 0) == ERRNO | errno.EAFNOSUPPORT
    assert call(machine, "personality", 0xFFFFFFFF) == ALLOW
    assert call(machine, "personality", 0x0040000) == ERRNO | errno.EPERM


def test_an_unknown_machine_has_no_filter() -> None:
    with pytest.raises(KeyError):
        seccomp.program("riscv64")
