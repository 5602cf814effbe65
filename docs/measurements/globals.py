#!/usr/bin/env python3
"""Counts the reads of variables that nothing writes, or init code alone: globals.py VMLINUX

For i386, whose kernels name variables by absolute addresses. A variable counts
when it is read somewhere, no instruction takes its address and no word of data
holds it. By objdump, nm and readelf of binutils.
"""
import bisect
import collections
import re
import struct
import subprocess
import sys

DATA = (".data", ".rodata", ".init.data", ".data..percpu", ".altinstructions")


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Variables:
    """Objects of data and bss, by address."""

    def __init__(self, vmlinux):
        rows = (line.split() for line in output("nm", "-S", vmlinux).splitlines())
        named = [(int(r[0], 16), int(r[1], 16)) for r in rows if len(r) == 4 and r[2] in "bBdDrR"]
        self.all = sorted(named)
        self.starts = [address for address, _ in self.all]

    def at(self, address):
        found = bisect.bisect_right(self.starts, address) - 1
        if found >= 0 and address < self.all[found][0] + max(self.all[found][1], 1):
            return found
        return None


def sections(vmlinux):
    pattern = r"\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+([0-9a-f]+)\s+([0-9a-f]+)\s+([0-9a-f]+)"
    lines = output("readelf", "-SW", vmlinux).splitlines()
    found = (re.match(pattern, line) for line in lines)
    return {m[1]: tuple(int(m[at], 16) for at in (2, 3, 4)) for m in found if m}


def main(vmlinux):
    variables, places = Variables(vmlinux), sections(vmlinux)
    with open(vmlinux, "rb") as file:
        image = file.read()
    taken, written, written_by_init = set(), set(), set()
    reads = collections.defaultdict(list)
    for name, (_, offset, size) in places.items():
        if name in DATA or name.startswith("__"):
            for at in range(offset, offset + size - 3, 4):
                taken.add(variables.at(struct.unpack_from("<I", image, at)[0]))
    init, _, init_size = places[".init.text"]
    code = []
    for line in output("objdump", "-d", "--no-show-raw-insn", vmlinux).splitlines():
        found = re.match(r"([0-9a-f]{8}):\s+(.*)", line)
        if found:
            code.append((int(found[1], 16), found[2].split("<")[0].strip()))
    text = 0
    for at in range(len(code) - 2):
        (address, said), (behind, following), (further, _) = code[at : at + 3]
        size = behind - address if 0 < behind - address <= 15 else 0
        of_init = init <= address < init + init_size
        text += 0 if of_init else size
        for number in re.findall(r"\$0x([0-9a-f]{8})\b", said):
            taken.add(variables.at(int(number, 16)))
        for place in re.finditer(r"(?<![$0-9a-fx])(?:[a-z]s:)?0x([0-9a-f]{8})(\([^)]*\))?", said):
            variable = variables.at(int(place[1], 16))
            if place[2] or said.startswith("lea"):
                taken.add(variable)
                continue
            compares = said.startswith(("cmp", "test", "bt"))
            only_reads = compares or said.startswith(("push", "call", "jmp"))
            changes = said.endswith(place[0]) or said.startswith(("xchg", "xadd", "cmpxchg"))
            if changes and not only_reads:
                (written_by_init if of_init else written).add(variable)
            elif not of_init:
                jump = further - behind if compares and following.startswith("j") else 0
                reads[variable].append((size, jump))
    kept = [v for v in reads if v is not None and v not in taken and v not in written]
    for what, of_init in (("nothing writes", False), ("init code alone writes", True)):
        those = [v for v in kept if (v in written_by_init) == of_init]
        all_reads = [read for variable in those for read in reads[variable]]
        print(
            f"{what}: {len(those)} variables, {len(all_reads)} reads of "
            f"{sum(r[0] for r in all_reads)} B, {sum(r[1] for r in all_reads)} B of jumps behind them"
        )
    print(f"code without init code: {text} B")


if len(sys.argv) != 2:
    sys.exit(__doc__.splitlines()[0])
main(sys.argv[1])
