#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# tern-bench as its user meets it. No test looks at a rate.
# shellcheck disable=SC2154 # status, output and lines are bats' own

bench=$TERN_BUILD/bench/tern-bench

setup() {
    dir=$(mktemp -d)
    [[ -x $bench ]] || skip "tern-bench was not built: Google Benchmark (libbenchmark-dev) is missing"
}

teardown() {
    rm -rf "$dir"
}

# table DIR NS...: a folder as a run leaves it, with one case that took so long, in three launches.
table() {
    local out=$1 ns n=0
    shift
    mkdir -p "$out"
    "$bench" --ring floor --place same --ms 1 --repetitions 1 --out "$out" >/dev/null 2>&1
    head -1 "$out/repetitions.csv" >"$out/new"
    for ns in "$@"; do
        sed -n 2p "$out/repetitions.csv" | awk -F, -v OFS=, -v ns="$ns" -v n=$((n % 3)) '{ $3 = n + 1; $4 = ns; print }' >>"$out/new"
        n=$((n + 1))
    done
    mv "$out/new" "$out/repetitions.csv"
}

@test "tern-bench(1) has each command and each option of --help, and no other" {
    local page=$TERN_ROOT/docs/man/tern-bench.1.scd
    "$bench" --help | sed -n '/^usage:/,/^$/p' | grep -oE 'tern-bench \[?[a-z]+' | sed 's/.*[ []//' | sort >"$dir/commands"
    sed -n '/^# COMMANDS/,/^# CASES/p' "$page" | grep -xE '\*[a-z]+\*' | tr -d '*' | sort >"$dir/page"
    [ "$(wc -l <"$dir/commands")" -ge 8 ]
    diff "$dir/commands" "$dir/page"
    "$bench" --help | grep -oE '^ +--[a-z-]+(, --[a-z-]+)*' | grep -oE -- '--[a-z-]+' | sort -u >"$dir/options"
    sed -n '/^# CASES/,/^# EXIT/{/^\*--/p}' "$page" | grep -oE -- '\*--[a-z-]+\*' | tr -d '*' | sort -u >"$dir/page"
    [ "$(wc -l <"$dir/options")" -ge 25 ]
    diff "$dir/options" "$dir/page"
}

@test "help names every knob, and a bad value is named with what would do" {
    run "$bench" --help
    [ "$status" -eq 0 ]
    for knob in ring size depth publish complete kick payload work layout segs event-idx place pages notify rate; do
        [[ $output == *"--$knob "* ]]
    done
    run "$bench" --size 16,x
    [ "$status" -eq 2 ]
    [[ $output == *"--size: 'x' is no value"*"fix: a number from 1 to 32768"* ]]
    run "$bench" --work eat
    [ "$status" -eq 2 ]
    [[ $output == *"fix: one of: pass, touch, copy"* ]]
    run "$bench" --unheard-of
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
}

@test "every ring runs, and each repetition is kept" {
    run "$bench" --place same --ms 1 --repetitions 2 --out "$dir/out"
    [ "$status" -eq 0 ]
    rings=$("$bench" --list | sed '/^$/,$d' | wc -l)
    [ "$rings" -ge 10 ]
    [ "$(grep -vc '^case,' "$dir/out/repetitions.csv")" -eq $((2 * rings)) ]
    grep -q '^cpu: .' "$dir/out/manifest.txt"
    grep -q '^compiler: .' "$dir/out/manifest.txt"
}

@test "launches are processes of their own, and all of their repetitions are kept" {
    run "$bench" --ring split,packed --place same --ms 1 --repetitions 2 --launches 3 --out "$dir/out"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^packed/.*,one,3,' "$dir/out/repetitions.csv")" -eq 2 ]
    [ "$(grep -vc '^case,' "$dir/out/repetitions.csv")" -eq 12 ]
}

@test "a case that cannot be is left out by name, the others run" {
    run "$bench" --ring split --size 16,64 --publish 32 --place same --ms 1 --repetitions 1
    [ "$status" -eq 0 ]
    [[ $output == *"SKIP split/size:16/"*"longer than the depth"* ]]
    [[ $output == *"split/size:64/publish:32/"*"one"* ]]
    run "$bench" --ring split --size 16 --publish 32
    [ "$status" -eq 2 ]
    [[ $output == *"no case is left to run"* ]]
}

@test "Google Benchmark's own flags get through" {
    run "$bench" --place same --ms 1 --repetitions 1 --benchmark_filter='^floor/' --benchmark_format=json
    [ "$status" -eq 0 ]
    [[ $output == *'"name": "floor/size:256'* ]]
    [[ $output != *" cases × "* ]]
    [ "$("$bench" --list --benchmark_filter='^(floor|split)/' | sed '1,/^cases:/d' | wc -l)" -eq 2 ]
    [ "$("$bench" --list --benchmark_filter='-^(floor|split)/' | sed '1,/^cases:/d' | wc -l)" -eq 8 ]
    run "$bench" --list --benchmark_filter='('
    [ "$status" -eq 2 ]
    [[ $output == *"fix: look at regex(7)"* ]]
    [[ $output != *'"name": "split/'* ]]
}

# order DIR LAUNCH: the cases of a launch in the order in which they ran.
order() {
    awk -F, -v launch="$2" '$3 == launch { print $1 }' "$1/repetitions.csv"
}

@test "repetitions take turns in an order that the seed and the launch decide" {
    args=(--ring 'split,packed,floor' --size '16,32,64' --publish 8 --place same --ms 1 --repetitions 2 --launches 2)
    for out in a b; do "$bench" "${args[@]}" --seed 7 --out "$dir/$out" >/dev/null; done
    run "$bench" "${args[@]}" --seed 8 --out "$dir/c"
    [[ $output == *"9 cases × 2 repetitions × 2 launches × 1 ms ≈ "*"; seed 8"* ]]
    grep -qx 'seed: 8' "$dir/c/manifest.txt"
    [ "$(order "$dir/a" 1)" = "$(order "$dir/b" 1)" ]
    [ "$(order "$dir/a" 1)" != "$(order "$dir/a" 2)" ]
    [ "$(order "$dir/a" 1)" != "$(order "$dir/c" 1)" ]
    # Each case comes once before any comes again.
    [ "$(order "$dir/a" 1 | head -9 | sort -u | wc -l)" -eq 9 ]
    [ "$(order "$dir/a" 1 | tail -9 | sort -u | wc -l)" -eq 9 ]
}

@test "each repetition is an object of JSON too, with what the machine is" {
    "$bench" --ring split --place same --ms 1 --repetitions 2 --launches 2 --out "$dir/out" >/dev/null
    [ "$(wc -l <"$dir/out/repetitions.jsonl")" -eq 4 ]
    python3 - "$dir/out" <<'END'
import csv, json, sys
table = [row for row in csv.reader(open(sys.argv[1] + "/repetitions.csv"))]
for line, row in zip(open(sys.argv[1] + "/repetitions.jsonl"), table[1:]):
    one = json.loads(line)
    for key, text in zip(table[0], row):
        assert str(one[key]) == text or float(one[key]) == float(text), (key, one[key], text)
    for key in "seed", "commit", "cpu", "kernel", "governor", "2_MiB_pages", "compiler", "compiler_flags":
        assert one[key], key
END
    for fact in date tern commit cpu 'cpu flags' kernel governor '2 MiB pages' 'compiler flags' command seed 'steal during the run'; do
        grep -q "^$fact: ." "$dir/out/manifest.txt"
    done
}

@test "A/A: the first case of each ring runs a second time beside itself" {
    run "$bench" --ring split,packed --size 64,16 --publish 8 --place same --ms 1 --repetitions 1 --aa --out "$dir/out"
    [ "$status" -eq 0 ]
    [ "$(cut -d, -f1 "$dir/out/repetitions.csv" | grep -c '/again$')" -eq 2 ]
    grep -q '^packed/size:64/.*/again,' "$dir/out/repetitions.csv"
}

@test "what this machine cannot do is skipped by name and kept in a list" {
    nodes=$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' 2>/dev/null | wc -l)
    ((nodes <= 1)) || skip "this machine has $nodes nodes"
    run "$bench" --ring split --place numa,same --ms 1 --repetitions 1 --out "$dir/out"
    [ "$status" -eq 0 ]
    [[ $output == *$'SKIP numa: 1 node\n'* ]]
    grep -qx '"numa","1 node",1' "$dir/out/skipped.csv"
    [ "$(grep -c '^split/.*/place:same' "$dir/out/repetitions.csv")" -eq 1 ]
    run "$bench" --ring split --place numa --ms 1 --repetitions 1 --out "$dir/none"
    [ "$status" -eq 0 ]
    [[ $output == *"nothing of this can be measured on this machine"* ]]
    # A placement that one repetition cannot have shown is in the list, whoever prints the results.
    "$bench" --ring split --ms 1 --repetitions 1 --benchmark_format=json --out "$dir/json" >/dev/null
    [ "$(grep -cE '^"(near|far)","not seen in 1 repetitions' "$dir/json/skipped.csv")" -ge 1 ]
    # A CPU and a memory that are not there.
    run "$bench" --ring split --cpus 0,1023 --ms 1 --repetitions 1
    [[ $output == *"SKIP threads: CPU 1023 is not there"* ]]
    run "$bench" --ring split --place same --size 32768 --payload 65536 --work copy --pages 2m --ms 1 --repetitions 1
    free=$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages)
    ((free > 1024)) || [[ $output == *"SKIP 2 MiB pages: "*" free"* ]]
}

# nodes DIR: files such as libnuma reads, of two nodes with a CPU each.
nodes() {
    local n
    for n in 0 1; do
        mkdir -p "$1/node$n"
        echo $((1 << n)) >"$1/node$n/cpumap"
        echo "$n" >"$1/node$n/cpulist"
        sed "s/^Node 0/Node $n/" /sys/devices/system/node/node0/meminfo >"$1/node$n/meminfo"
    done
    for n in online possible has_cpu has_memory; do echo 0-1 >"$1/$n"; done
}

@test "numa: with two nodes the ends run on one CPU of each" {
    [ "$(nproc)" -ge 2 ] || skip "this machine has one CPU"
    nodes "$dir/nodes"
    # shellcheck disable=SC2016 # the inner shell expands them
    pretend=(unshare -m bash -c 'mount --bind "$1" /sys/devices/system/node && shift && "$@"' bash "$dir/nodes")
    "${pretend[@]}" true 2>/dev/null || skip "no right to mount: two nodes cannot be pretended"
    # Both ends on the CPU of node 0 would be an error.
    run "${pretend[@]}" "$bench" --ring split --place numa --cpus 0,0 --ms 1 --repetitions 1 --out "$dir/out"
    [ "$status" -eq 0 ]
    [[ $output != *"SKIP numa"* ]]
    grep -q '^split/.*/place:numa,' "$dir/out/repetitions.csv"
    grep -q '^cpus: .* on 2 nodes$' "$dir/out/manifest.txt"
}

@test "presets by their short names; progress is a line that is written over" {
    for name in quick paper; do
        [ "$("$bench" --$name --list)" = "$("$bench" --preset $name --list)" ]
    done
    [ "$("$bench" --quick --list | wc -l)" -lt "$("$bench" --paper --list | wc -l)" ]
    # Each case is there once.
    [ -z "$("$bench" --paper --list | sort | uniq -d)" ]
    command -v script >/dev/null || skip "script(1) is missing: no terminal"
    run script -qec "$bench --ring split --place same --ms 60 --repetitions 6" /dev/null
    [[ $output == *$'\r\033[K'*"/6 repetitions, "*" left"* ]]
}

@test "compare: a difference that a case has from itself is no verdict" {
    table "$dir/a" 10.0 10.1 10.2 9.9 10.0 10.1
    table "$dir/b" 11.0 11.1 11.2 10.9 11.0 11.1
    run "$bench" compare "$dir/a" "$dir/b"
    [ "$status" -eq 1 ]
    sed -n '2,$p' "$dir/a/repetitions.csv" | awk -F, -v OFS=, '{ $1 = $1 "/again"; $4 *= 1.2; print }' >"$dir/again"
    cat "$dir/again" >>"$dir/a/repetitions.csv"
    run "$bench" compare "$dir/a" "$dir/b"
    [ "$status" -eq 0 ]
    [[ $output == *"noise (A/A), one: a case came out up to × 1.2"* ]]
    [[ $output == *"no verdict: a case differs as much from itself (A/A)"* ]]
}

@test "compare: the same is the same, slower is found, and says so by its exit status" {
    table "$dir/a" 10.0 10.1 10.2 9.9 10.0 10.1
    table "$dir/b" 10.1 10.0 10.2 9.9 10.1 10.0
    table "$dir/c" 12.0 12.1 12.2 11.9 12.0 12.1
    run "$bench" compare "$dir/a" "$dir/b"
    [ "$status" -eq 0 ]
    [[ $output == *"the same, as far as one can tell"* ]]
    run "$bench" compare "$dir/a" "$dir/c"
    [ "$status" -eq 1 ]
    [[ $output == *"slower"* ]]
    run "$bench" compare "$dir/c" "$dir/a"
    [ "$status" -eq 0 ]
    [[ $output == *"faster"* ]]
    # What one launch says may be its memory's doing.
    sed -i -E 's/,one,[0-9]+,/,one,1,/' "$dir/c/repetitions.csv"
    run "$bench" compare "$dir/a" "$dir/c"
    [ "$status" -eq 0 ]
    [[ $output == *"no verdict: fewer than 3 launches"* ]]
    run "$bench" compare "$dir/a" "$dir/none"
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
}

# ---- the machine's limits ----

@test "roofline: every direction and copy is kept, a bad value is named" {
    run "$bench" roofline --windows 2 --ms 1 --lines 1,1.25 --batch 4,32 --bytes 64,1518 --ring 128 --out "$dir/out"
    [ "$status" -eq 0 ]
    head -1 "$dir/out/roofline.csv" | grep -qx 'class,direction,lines,bytes,batch,window,windows,p10_ns,p50_ns,p90_ns'
    for direction in one-way there-and-back in-place; do
        grep -Eq "^(near|far|mixed),$direction,1.25,0,32,1024,[12],[0-9.]+,[0-9.]+,[0-9.]+$" "$dir/out/roofline.csv"
    done
    grep -Eq '^(near|far|mixed),from-other,0,1518,0,0,' "$dir/out/roofline.csv"
    grep -Eq '^(one|mixed),from-own,0,64,0,0,' "$dir/out/roofline.csv"
    grep -Eq '^(one|mixed),forward,0,1518,32,128,[12],' "$dir/out/roofline.csv"
    run "$bench" roofline --ring 1000
    [ "$status" -eq 2 ]
    [[ $output == *"--ring: '1000' is no value"*"fix: powers of two from 32 to 4096"* ]]
    run "$bench" roofline --lines 1.3
    [ "$status" -eq 2 ]
    [[ $output == *"--lines: '1.3' is no value"*"fix: whole quarters from 0.25 to 4"* ]]
    run "$bench" roofline --cpus 1,1
    [ "$status" -eq 2 ]
    [[ $output == *"fix: two different CPUs"* ]]
    run "$bench" roofline --cpus 0,4096
    [ "$status" -eq 2 ]
    [[ $output == *"'0,4096' is no value"* ]]
}

@test "roofline: lines far from each other, as in packet buffers; no limit of a ring is kept of them" {
    run "$bench" roofline --spread 37 --windows 2 --ms 1 --lines 1,2 --batch 32 --window 1024 --bytes 64
    [ "$status" -eq 0 ]
    [ "$(grep -Ec '^(near|far|mixed) +in-place +[12] ' <<<"$output")" -ge 2 ]
    run "$bench" roofline --spread 37 --out "$dir/out"
    [ "$status" -eq 2 ]
    [[ $output == *"fix: --spread without --out"* ]]
}

@test "a run with --roofline says what share of the limit each case has, where both were in one placement" {
    run "$bench" --ring floor,packed --publish 8,32 --ms 1 --repetitions 1 --launches 2 --roofline --out "$dir/out"
    [ "$status" -eq 0 ]
    [ "$(grep -Ec '^(near|far|mixed),in-place,1,0,32,' "$dir/out/roofline.csv")" -ge 2 ]
    [ -x "${bench}-lines" ] || { [[ $output == *"SKIP shares: "* ]]; return; }
    grep -q '^packed/size:256/publish:8/complete:32/schedule:half,all,' "$dir/out/lines.csv"
    # Two digits of a small share, on however slow a machine.
    [[ ! $output =~ " "[0-9]" % of the limit" ]]
    for place in near far; do
        if grep -q "^packed.*,$place," "$dir/out/repetitions.csv" && grep -q "^$place,.*,1,0,32," "$dir/out/roofline.csv"; then
            [[ $output =~ "packed/size:256/publish:"[^%]*"$place"[^%]*" % of the limit (" ]]
        fi
    done
    run "$bench" --roofline
    [ "$status" -eq 2 ]
    [[ $output == *"fix: --out DIR"* ]]
}

# ---- ringtest ----

@test "ringtest: the kernel's options, every ring, and a line for each run" {
    run "$bench" ringtest --help
    [ "$status" -eq 0 ]
    for option in host-affinity guest-affinity ring-size run-cycles outstanding batch param sleep relax exit; do
        [[ $output == *"--$option "* ]]
    done
    rings=$("$bench" --list | sed '/^$/,$d' | cut -d' ' -f1)
    for ring in $rings; do
        run "$bench" ringtest --ring-format "$ring" --run-cycles 2000 --ring-size 64 --outstanding 32 --relax --out "$dir"
        [ "$status" -eq 0 ]
        [[ $output =~ "ns a cycle         "[0-9.]+ ]]
        [[ $output =~ "system seconds     "[0-9.]+ ]]
    done
    run "$bench" ringtest --ring-format packed --run-cycles 0x10 --sleep --batch 4 --no-exit --param 5 --out "$dir"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ring,class,' "$dir/ringtest.csv")" -eq 1 ]
    [ "$(grep -vc '^ring,class,' "$dir/ringtest.csv")" -eq $(($(wc -w <<<"$rings") + 1)) ]
    grep -Eq '^floor,unknown,64,2000,32,1,0,0,1,1,([0-9.]+,){5}0,0$' "$dir/ringtest.csv"
    grep -Eq '^packed,unknown,256,16,2147483647,4,5,1,0,0,([0-9.]+,){5}[0-9]+,[0-9]+$' "$dir/ringtest.csv"
}

@test "ringtest: what cannot be is named" {
    while IFS='|' read -r options text; do
        # shellcheck disable=SC2086 # words
        run "$bench" ringtest --run-cycles 10 $options
        [ "$status" -ne 0 ]
        [[ $output == *"$text"* ]]
        [[ $output == *"fix: "* ]]
    done <<'END'
--ring-format oval|there is no such ring
--ring-size 100|the ring cannot have this size
--ring-format floor --sleep|no notifications
--host-affinity 0 --guest-affinity 0|both ends poll on one CPU
--host-affinity 4096|'4096' is no value
--batch 0|'0' is no value
--run-cycles many|'many' is no value
word|a word too many
END
}

# sections FILE: the ids of its headings, in their order.
sections() {
    grep -o '<h2 id="[^"]*"' "$1" | cut -d'"' -f2 | paste -sd' '
}

@test "report: one page with every section, that loads nothing" {
    command -v gnuplot >/dev/null || skip "gnuplot is missing"
    "$bench" --ring 'split,split-inorder,packed,packed-inorder' --place 'threads,numa' --publish '1,8' --complete '1,8' --size '16,64' \
        --ms 2 --repetitions 2 --launches 3 --aa --latency --out "$dir/out" >/dev/null
    printf 'pair,Mpps\n"<b>one</b> & other",17\n' >"$dir/out/peers.csv"
    printf '%s\n' class,direction,lines,bytes,batch,window,windows,p10_ns,p50_ns,p90_ns \
        far,one-way,1,0,32,256,9,10,10,10 far,one-way,4,0,32,256,9,40,40,40 >"$dir/out/roofline.csv"
    printf '%s\n' case,area,moved split/size:16/publish:1/complete:1/latency:on/schedule:half,all,2.5 \
        split/size:64/publish:8/complete:8/latency:on/schedule:half,all,1.5 \
        split/size:64/publish:8/complete:8/latency:on/schedule:half,payload,99 >"$dir/out/lines.csv"
    # That every placement has every case is the machine's choice: here it has.
    sed -i -E 's/,(near|far|mixed),/,far,/' "$dir/out/repetitions.csv"
    sed -i 's/^cpu: .*/cpu: <script>alert("x")<\/script>/' "$dir/out/manifest.txt"
    run "$bench" report "$dir/out"
    [ "$status" -eq 0 ]
    [ "$output" = "$dir/out/report.html" ]
    page=$dir/out/report.html
    [ "$(sections "$page")" = "publish size payload effects latency roofline lines peers results noise skipped threats environment" ]
    # A figure each by batch and size, and of latency for each of the combinations.
    [ "$(grep -c '</svg>' "$page")" -eq "$(grep -c '<figure>' "$page")" ]
    [ "$(grep -c '<figure>' "$page")" -ge 3 ]
    grep -q 'placement <b>far</b>; of all cases: size:' "$page"
    grep -q 'From split, any order, publish 1, complete 1 to packed, in order, publish 8, complete 8 the time of a buffer becomes' "$page"
    grep -q 'limit of the machine' "$page"
    [ "$(grep -c '<td class="n">99</td>' "$page")" -eq 0 ]
    grep -qE '^<tr><td>split/size:16/publish:1/complete:1/latency:on</td><td>far</td>.*<td class="n">2.50</td><td class="n">[0-9]+(\.[0-9])?</td></tr>$' "$page"
    grep -q '<td>layout with publish batch</td>' "$page"
    grep -q '<td>numa</td><td>1 node</td>' "$page" || [ -d /sys/devices/system/node/node1 ]
    # Nothing of others is taken for HTML, nothing is loaded, no name is there twice.
    grep -q '&lt;script&gt;alert(&quot;x&quot;)' "$page"
    grep -q '&lt;b&gt;one&lt;/b&gt; &amp; other' "$page"
    [ "$(grep -ciE '<script|<link|<img|<iframe|@import|src=|url\(["'"'"']?http|href=["'"'"']?http' "$page")" -eq 0 ]
    [ -z "$(grep -oE "[[:space:]]id=[\"'][^\"']*" "$page" | sort | uniq -d)" ]
    if command -v tidy >/dev/null; then tidy -q -e "$page"; fi
}

@test "report: a curve goes from the smallest payload to the largest, the default one too" {
    command -v gnuplot >/dev/null || skip "gnuplot is missing"
    "$bench" --ring 'split,floor' --payload 64,256,1518 --work copy --place same --ms 1 --repetitions 1 --out "$dir/out" >/dev/null
    "$bench" report "$dir/out"
    python3 - "$dir/out/report.html" <<'END'
import re, sys
page = open(sys.argv[1]).read()
page = page[page.index('id="payload"'):page.index('id="effects"')]
lines = [[float(x) for x in m] for m in re.findall(r"M([0-9.]+),\S+\s+L([0-9.]+),\S+\s+L([0-9.]+),", page)]
curves = [x for x in lines if len(set(x)) == 3 and min(x) > 50]
assert len(curves) == 2, lines
assert all(x == sorted(x) for x in curves), curves
END
}

@test "report: what is missing is said, with a fix" {
    run "$bench" report
    [ "$status" -eq 2 ]
    [[ $output == *"fix: tern-bench report DIR"* ]]
    run env PATH=/nowhere "$bench" report "$dir"
    [ "$status" -eq 2 ]
    [[ $output == *"gnuplot was not found"*"fix: apt-get install gnuplot-nox"* ]]
    command -v gnuplot >/dev/null || skip "gnuplot is missing"
    run "$bench" report "$dir/none"
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
    # One case, one launch: a page that says what it lacks.
    "$bench" --ring split --place same --ms 1 --repetitions 2 --out "$dir/out" >/dev/null
    run "$bench" report "$dir/out"
    [ "$status" -eq 0 ]
    grep -q 'Only 1 launch' "$dir/out/report.html"
    grep -q 'Only one batch was measured' "$dir/out/report.html"
    grep -q 'No cases of this run make a factorial' "$dir/out/report.html"
    grep -q 'run with --aa' "$dir/out/report.html"
}

# ---- peers ----

@test "peers: bad words are named; what this machine lacks is a skip with a reason" {
    run "$bench" peers --pairs tern-tern,oval
    [ "$status" -eq 2 ]
    [[ $output == *"--pairs: 'oval' is no value"*"fix: one or more of: tern-tern, tern-stock, stock-tern, stock-stock"* ]]
    run "$bench" peers --rings round
    [ "$status" -eq 2 ]
    [[ $output == *"fix: one or more of: split, packed"* ]]
    run "$bench" peers --size 32
    [ "$status" -eq 2 ]
    mkdir "$dir/bin"
    ln -s /usr/bin/* "$dir/bin"
    rm -f "$dir/bin/dpdk-testpmd"
    run env PATH="$dir/bin" "$bench" peers --out "$dir/out"
    [ "$status" -eq 0 ]
    [[ $output == *"SKIP peers: there is no dpdk-testpmd"*"fix: ./scripts/setup"* ]]
    [ ! -e "$dir/out/peers.csv" ]
    run env PATH="$dir/bin" "$bench" --ring floor --place same --ms 1 --repetitions 1 --peers --out "$dir/out"
    [ "$status" -eq 0 ]
    grep -q '^"peers","there is no dpdk-testpmd"' "$dir/out/skipped.csv"
}
