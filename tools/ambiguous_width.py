#!/usr/bin/env python3
"""Prints src/draw/ambiguous.inc: the ranges of characters whose East Asian width (UAX #11) is ambiguous.

Combining marks and private-use planes are left out: the first take no column, the second have no agreed glyph."""
import sys
import unicodedata

ranges = []
for code in range(0x80, 0x20000):
    char = chr(code)
    if unicodedata.east_asian_width(char) != "A" or unicodedata.category(char) in ("Mn", "Me", "Cf", "Co"):
        continue
    if ranges and ranges[-1][1] == code - 1:
        ranges[-1][1] = code
    else:
        ranges.append([code, code])

print(f"// Ambiguous width in Unicode {unicodedata.unidata_version}, written by tools/ambiguous_width.py.")
line = ""
for first, last in ranges:
    item = f"{{0x{first:04X}, 0x{last:04X}}}, "
    if len(line) + len(item) > 138:
        print(line.rstrip())
        line = ""
    line += item
sys.stdout.write(line.rstrip().rstrip(",") + "\n")
