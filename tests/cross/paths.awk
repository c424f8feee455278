# SPDX-License-Identifier: BSD-3-Clause
# Reads `objdump -dr` of AArch64 code and prints, for each function whose name matches `want`, each way through it:
# the name, then a letter for each step that has to do with order. A loop is gone round once.
#
#   S L   a store to, a load from memory that the other side sees: not through the function's argument, not the stack
#   A     such a load that is LDAPR
#   F     dmb ish
#   M     a system call, in which the kernel runs a full fence
#   i I   a load from, a store to the argument's first word (of a gate: `inside`)
#   o O   the same at offset 64 (`open`)
#   y n   a byte of a global that was found to be set, or not (vhu_gate_asymmetric)

function reg(name) { sub(/^w/, "x", name); return name }

# An immediate, decimal or hexadecimal.
function number(text,   value, i) {
    sub(/.*#/, "", text)
    if (text !~ /^0x/) return text + 0
    value = 0
    for (i = 3; i <= length(text); i++) value = 16 * value + index("0123456789abcdef", substr(text, i, 1)) - 1
    return value
}

# What a register holds: its distance from the function's argument, "" if it is none. `regs` is " x0=0 x8=64 ".
function known(regs, name) {
    if (!match(regs, " " name "=[0-9]+ ")) return ""
    return substr(regs, RSTART + length(name) + 2, RLENGTH - length(name) - 3)
}
function note(regs, name, value) {
    sub(" " name "=[0-9]+ ", " ", regs)
    return value == "" ? regs : regs name "=" value " "
}

# The letter of the load or store i.
function letter(i, regs,   base, offset, at, load) {
    load = op[i] ~ /^ld/
    base = args[i]
    sub(/^[^[]*\[/, "", base)
    sub(/\].*/, "", base)
    offset = base ~ /#/ ? number(base) : 0
    sub(/,.*/, "", base)
    if (base == "sp") return ""
    at = known(regs, base)
    if (at == "") return load ? (op[i] ~ /^ldapr/ ? "A" : "L") : "S"
    if (at + offset == 0) return load ? "i" : "I"
    if (at + offset == 64) return load ? "o" : "O"
    return ""
}

# Follows the code from instruction i on; `flag` is the register that holds a byte of a global, `seen` the
# instructions on this way, `way` its letters.
function follow(i, regs, flag, seen, way,   n, part, r, k, zero) {
    for (; i <= count && op[i] != "ret" && !index(seen, " " i " "); i++) {
        seen = seen i " "
        n = split(args[i], part, /, */)
        r = reg(part[1])
        if (op[i] == "b") {
            i = place[part[1]] - 1
        } else if (op[i] ~ /^(b\.|cbn?z|tbn?z)/) {
            zero = op[i] ~ /^[ct]bz/
            k = op[i] !~ /^b\./ && r == flag
            follow(place[part[n]], regs, k ? "" : flag, seen, way (k ? (zero ? "n" : "y") : ""))
            way = way (k ? (zero ? "y" : "n") : "")
            if (k) flag = ""
        } else if (op[i] == "bl") {
            if (call[i] == "syscall") way = way "M"
            for (k = 0; k < 19; k++) regs = note(regs, "x" k, "")
        } else if (op[i] == "dmb") {
            if (part[1] == "ish") way = way "F"
        } else if (op[i] ~ /^(ld|st)/) {
            way = way letter(i, regs)
            if (op[i] == "ldrb") flag = r
            if (op[i] ~ /^ld/) regs = note(regs, r, "")
            if (op[i] ~ /^ldp/) regs = note(regs, reg(part[2]), "")
        } else if (op[i] == "mov" && part[2] ~ /^x/) {
            regs = note(regs, r, known(regs, part[2]))
        } else if (op[i] == "add" && n == 3 && part[3] ~ /^#/ && known(regs, part[2]) != "") {
            regs = note(regs, r, known(regs, part[2]) + number(part[3]))
        } else if (op[i] !~ /^(cmp|tst|ccmp)/) {
            regs = note(regs, r, "")
        }
    }
    print name, way
}

function end() { if (name ~ want) follow(1, " x0=0 ", "", " ", ""); name = ""; count = 0; split("", place) }

/^[0-9a-f]+ <.*>:$/ { end(); name = $2; gsub(/[<>:]/, "", name); next }
$2 == "R_AARCH64_CALL26" { call[count] = $3; next }
/^ *[0-9a-f]+:\t[a-z]/ {
    at = $1
    sub(/:/, "", at)
    line = $0
    sub(/^[^\t]*\t/, "", line)
    sub(/ *\/\/.*/, "", line)
    sub(/ <.*/, "", line)
    op[++count] = line
    sub(/[ \t].*/, "", op[count])
    args[count] = line
    sub(/^[^ \t]*[ \t]*/, "", args[count])
    call[count] = ""
    place[at] = count
}
END { end() }
