# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The machine's limits of several runs of `tern-bench roofline` in one file. The CPUs' placement is not ours to
# choose, so a run has many windows of one and few of the other. Source it.

# limits_merge FILE...: of each point in each class the line that is of the most windows.
limits_merge() {
    awk -F, '
        FNR == 1 { if (NR == 1) print; next }
        {
            point = $1 FS $2 FS $3 FS $4 FS $5 FS $6
            if (!(point in windows)) order[++n] = point
            if ($7 + 0 > windows[point] + 0) { windows[point] = $7; line[point] = $0 }
        }
        END { for (i = 1; i <= n; i++) print line[order[i]] }' "$@"
}

# limits_lack FILE CLASS: true while fewer than nine of ten points have the five windows that tern-bench asks for.
limits_lack() {
    [[ -e $1 ]] || return 0
    awk -F, -v class="$2" '
        $1 != "near" && $1 != "far" { next }
        { points[$2 FS $3 FS $4 FS $5 FS $6] = 1 }
        $1 == class && $7 >= 5 { enough++ }
        END { for (p in points) n++; exit n > 0 && enough >= 0.9 * n }' "$1"
}
