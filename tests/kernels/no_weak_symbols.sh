#!/bin/sh
# no_weak_symbols.sh NM OBJECT...: fails if an object of one instruction set has a weak symbol. The linker keeps one copy of such a symbol for
# the whole program, and that copy may hold instructions that the processor does not have.
nm=$1
shift
[ $# -gt 0 ] || { echo "no objects were given"; exit 1; }
found=$("$nm" -C --defined-only "$@" | grep -E ' [WVu] ')
[ -z "$found" ] || { echo "weak symbols: $found"; exit 1; }
