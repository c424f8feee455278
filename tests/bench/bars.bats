#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# tern-bench bars: windows that were made up, held against bars.
# shellcheck disable=SC2154 # status, output and lines are bats' own

bats_require_minimum_version 1.5.0
bench=$TERN_BUILD/bench/tern-bench

setup() {
    dir=$(mktemp -d)
    [[ -x $bench ]] || skip "tern-bench was not built: Google Benchmark (libbenchmark-dev) is missing"
    echo row,set,measure,near,far,pair,bases >"$dir/rows.csv"
    echo round,set,pair,class,before,after,mpps,dropped,p50,p99,core_a,core_b >"$dir/windows.csv"
}

teardown() {
    rm -rf "$dir"
}

bar() { echo "$1" >>"$dir/rows.csv"; }

# windows SET PAIR PLACE N VALUE...: N windows of a pair in rounds 1, 2, 3, 1, …, with each value in turn for the
# rate and the p50, and ten times that for the p99.
windows() {
    local set=$1 pair=$2 place=$3 n=$4 i k value=("${@:5}") tenfold
    mapfile -t tenfold < <(printf '%s\n' "${value[@]}" | awk '{ print 10 * $1 }')
    for ((i = 0; i < n; i++)); do
        k=$((i % ${#value[@]}))
        echo "$((i % 3 + 1)),$set,$pair,$place,100,101,${value[k]},0,${value[k]},${tenfold[k]}"
    done
}
ran() { windows "$@" >>"$dir/windows.csv"; }

# line ROW PLACE: of the table that was printed.
line() { grep -E "^$1 +$2 " <<<"$output"; }

# path SET PAIR [PLACE]: its line of those about lines and limits.
path() { grep -E "^$1 +$2 +${3:-near} .* = " <<<"$output" | tr -s ' '; }

# limits: as roofline.csv has them, of 20 windows each.
limits() {
    echo class,direction,lines,bytes,batch,window,windows,p10_ns,p50_ns,p90_ns
    echo near,one-way,2.78125,0,32,1024,20,9,10,11
    echo far,one-way,2.78125,0,32,1024,20,9,20,21
    echo one,from-own,0,64,0,0,20,3,4,5
}

@test "bars: met, missed, by the median, and the best base counts" {
    bar 'met,a,mpps,1.5,2.5,tern,slow fast'
    bar 'missed,a,mpps,1.5,2.5,tern,slow faster'
    bar 'just,b,mpps,1.5,2.5,tern,odd'
    bar 'nearly,b,mpps,1.55,2.5,tern,odd'
    bar 'noise-a,a,mpps,0,0,slow,slow2'
    ran a tern near 21 20 20.1 19.9
    ran a slow near 21 5
    ran a slow2 near 21 5.5 5 4.5
    ran a fast near 21 10 10.1 9.9
    ran a faster near 21 15 15.1 14.9
    ran b tern near 21 20 20.1 19.9
    ran b odd near 21 10 13 16
    echo 1,a,fast,disturbed,100,100,99,0,0,0 >>"$dir/windows.csv"
    run "$bench" bars "$dir"
    [ "$status" -eq 1 ]
    [[ $(line met near) == *"≥ 1.50   2.00 ("*" 10.00 fast "*" 3   21  met" ]]
    [[ $(line missed near) == *" 15.00 faster "*" 3   21  missed" ]]
    [[ $(line just near) == *" odd "*" met by the median" ]]
    [[ $(line nearly near) == *" odd "*" missed by the median" ]]
    [[ $(line noise-a near) == *" slow2 "*" no bar" ]]
    [[ $(line met far) == *"≥ 2.50  not measured: no window" ]]
    [[ $output == *"noise near: stock against itself came out up to 1.00 times apart (noise-a, 21 windows), and the far end of an interval is 1.11 (noise-a, 21 windows)"* ]]
    [[ $output == *"bars: 2 met (1 of them within the interval), 2 missed (1), 4 not measured"* ]]
    [[ $output == *"1 of 148 windows are left out"* ]]
    [ "$(grep -c ',near,' "$dir/bars.csv")" -eq 5 ]
    sed -i '/^missed/d; /^nearly/d' "$dir/rows.csv"
    run "$bench" bars "$dir"
    [ "$status" -eq 3 ]
    run "$bench" bars "$dir/none"
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
}

@test "bars: too few windows or rounds are no pass, and the placements stay apart" {
    bar 'few,a,mpps,1.0,1.0,tern,stock'
    bar 'base,b,mpps,1.0,1.0,tern,stock'
    bar 'rounds,c,mpps,1.0,1.0,tern,stock'
    ran a tern near 19 20
    ran a stock near 30 10
    ran a tern far 21 20
    ran a stock far 21 10
    ran b tern near 30 20
    ran b stock near 19 10
    windows c tern near 40 20 | grep -v ^3 >>"$dir/windows.csv"
    windows c stock near 40 10 | grep -v ^3 >>"$dir/windows.csv"
    run "$bench" bars "$dir"
    [ "$status" -eq 3 ]
    [[ $(line few near) == *" 2.00 (2.00 … 2.00) "*" 3   19  not measured: too few windows" ]]
    [[ $(line few far) == *" 3   21  met" ]]
    [[ $(line base near) == *" 19  not measured: too few windows" ]]
    [[ $(line rounds near) == *" 2   27  not measured: too few rounds" ]]
    sed -i '/^base/d; /^rounds/d' "$dir/rows.csv"
    ran a tern near 3 20
    run "$bench" bars "$dir"
    [ "$status" -eq 0 ]
    [[ $output == *"bars: 2 met (0 of them within the interval), 0 missed (0), 0 not measured"* ]]
}

@test "bars: which base is the best one is known only where each has enough windows" {
    bar 'both,a,mpps,1.5,2.5,tern,stock stock@other'
    bar 'none,b,mpps,1.5,2.5,tern,stock stock@other'
    ran a tern near 21 20
    ran a stock near 21 10
    ran a stock@other near 2 9.9
    ran b tern near 21 20
    ran b stock near 21 10
    run "$bench" bars "$dir"
    [ "$status" -eq 3 ]
    [[ $(line both near) == *" 2.00 (2.00 … 2.00) "*" stock "*" 2    2  not measured: too few windows" ]]
    [[ $(line none near) == *" stock "*" 0    0  not measured: too few windows" ]]
    ran a stock@other near 21 9.9
    run "$bench" bars "$dir"
    [[ $(line both near) == *" stock "*" 3   21  met" ]]
}

@test "bars: rounds are those that the pair and the base have both" {
    bar 'apart,a,mpps,1.5,2.5,tern,stock'
    ran a tern near 21 20
    windows a stock near 42 10 | sed '/^1/d; s/^3/4/' >>"$dir/windows.csv"
    run "$bench" bars "$dir"
    [ "$status" -eq 3 ]
    [[ $(line apart near) == *" 2.00 "*" stock "*" 1   21  not measured: too few rounds" ]]
}

@test "bars: only one placement, where the machine shows no other" {
    bar 'row,a,mpps,1.5,2.5,tern,stock'
    ran a tern near 21 20
    ran a stock near 21 10
    run "$bench" bars --place near "$dir"
    [ "$status" -eq 0 ]
    [[ $output == *"bars: 1 met (0 of them within the interval), 0 missed (0), 0 not measured"* ]]
    run ! grep -q ',far,' "$dir/bars.csv"
    run "$bench" bars --place far "$dir"
    [ "$status" -eq 3 ]
    [ -z "$(line row near)" ]
    [ "$(grep -c '<circle' "$dir/bars.html")" -eq 0 ]
    run "$bench" bars --place here "$dir"
    [ "$status" -eq 2 ]
    [[ $output == *"fix: tern-bench bars [--windows] [--place near|far] DIR"* ]]
    run "$bench" bars "$dir" --place
    [ "$status" -eq 2 ]
}

@test "bars: noise is of all rows with windows, each row has that of its set and measure" {
    # noise ROW PLACE: that of a row, as bars.csv keeps it.
    noise() { grep -E "^$1,[^,]*,$2," "$dir/bars.csv" | cut -d, -f14,15; }
    bar 'row,a,mpps,1.5,2.5,tern,slow'
    bar 'late,l,p99,0.8,0.9,tern,slow'
    bar 'soon,l,p50,0.8,0.9,tern,slow'
    bar 'noise-a,a,mpps,0,0,slow#2,slow'
    bar 'noise-b,b,mpps,0,0,slow#2,slow'
    bar 'noise-l-p99,l,p99,0,0,slow#2,slow'
    ran a tern near 21 20
    ran a slow near 21 10
    ran a slow#2 near 21 12 12.5 11.5
    ran b slow near 3 10
    ran b slow#2 near 3 5
    ran l tern near 21 10
    ran l slow near 21 20
    ran l slow#2 near 21 25
    ran l slow far 4 20
    run "$bench" bars "$dir"
    [[ $(line noise-b near) == *" not measured: too few windows" ]]
    [[ $output == *"noise near: stock against itself came out up to 2.00 times apart (noise-b, 3 windows), and the far end of an interval is 2.00 (noise-b, 3 windows)"* ]]
    [[ $output != *"noise far"* ]]
    head -n 1 "$dir/bars.csv" | grep -q ',verdict,noise,noise_end$'
    [ "$(noise row near)" = 1.2,1.25 ]
    [ "$(noise late near)" = 1.25,1.25 ]
    [ "$(noise noise-b near)" = 2,2 ]
    [ "$(noise soon near)" = , ]
    [ "$(noise row far)" = , ]
    grep -q '<td class="n">1.25</td>' "$dir/bars.html"
}

@test "bars: windows of a core that was busy for somebody else count for nothing" {
    bar 'row,a,mpps,1.5,1.0,tern,stock'
    # Own cores: 20 and 10. Shared by one of the CPUs: 10 and 9. The other CPU is slower by itself.
    {
        windows a tern near 21 20 | sed 's/$/,0.590,0.800/'
        windows a stock near 21 10 | sed 's/$/,0.591,0.810/'
        windows a tern near 60 10 | sed 's/$/,0.740,0.800/'
        windows a stock near 61 9 | sed 's/$/,0.590,0.990/'
    } >>"$dir/windows.csv"
    echo 1,a,stock,disturbed,100,100,99,0,0,0,0.9,0.8 >>"$dir/windows.csv"
    run "$bench" bars "$dir"
    [[ $(line row near) == *"≥ 1.50   2.00 ("*" 3   21  met" ]]
    [[ $output == *"1 of 164 windows are left out: the CPUs moved"* ]]
    [[ $output == *"121 of 164 windows are left out: a CPU's core was busy for somebody else too"* ]]
    run "$bench" bars --windows "$dir"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 164 ]
    [ "$(grep -c '^[123],a,[a-z]*,shared$' <<<"$output")" -eq 121 ]
    [ "$(grep -c '^[123],a,tern,near$' <<<"$output")" -eq 21 ]
    grep -qx '1,a,stock,disturbed' <<<"$output"
    # Too few are left of one pair, or of one round: all count.
    sed -i '0,/^1,a,tern,.*0.590/{/^1,a,tern,.*0.590/d}; 0,/^2,a,tern,.*0.590/{/^2,a,tern,.*0.590/d}' "$dir/windows.csv"
    run "$bench" bars "$dir"
    [[ $(line row near) == *" 3   79  missed"* ]]
    [[ $output != *"somebody else"* ]]
}

@test "bars: of times the lowest base counts, and a bar is the most" {
    bar 'fast,l,p50,0.8,0.9,tern,slow quick'
    bar 'late,l,p99,0.6,0.9,tern,slow quick'
    ran l tern near 21 300
    ran l slow near 21 600
    ran l quick near 21 400
    run "$bench" bars "$dir"
    [ "$status" -eq 1 ]
    [[ $(line fast near) == *"≤ 0.80   0.75 (0.75 … 0.75)   300.00   400.00 quick "*" met" ]]
    [[ $(line late near) == *"≤ 0.60   0.75 "*" 3000.00  4000.00 quick "*" missed" ]]
}

@test "bars: the page has each row, and a hollow mark tells a bar that is missed" {
    local page=$dir/bars.html
    bar 'good,a,mpps,1.5,2.5,tern,stock'
    bar 'bad<row>,a,mpps,2.5,2.5,tern,stock'
    echo 'DPDK: 22.11.11 & more' >"$dir/about.txt"
    ran a tern near 21 20
    ran a stock near 21 10
    run "$bench" bars "$dir"
    [ "$status" -eq 1 ]
    grep -q 'DPDK: 22.11.11 &amp; more' "$page"
    grep -q '<title>good near: 2.000 (2.000 … 2.000)</title>.*<circle[^>]*fill="#2a78d6"' "$page"
    grep -q '<title>bad&lt;row&gt; near: .*<circle[^>]*fill="none"' "$page"
    [ "$(grep -c '<circle' "$page")" -eq 2 ]
    run grep -E 'https?://|<script|<link' "$page"
    [ "$status" -eq 1 ]
}

@test "bars: lines a packet, and the share of the limit; without the limits the lines alone" {
    bar 'best-packed,best,mpps,1.0,1.0,tern-tern-packed,stock'
    ran best tern-tern-packed near 21 20
    ran best tern-tern-packed far 22 10
    ran to-driver tern-tern-packed near 21 20
    ran to-driver tern-tern-packed far 19 20
    run "$bench" bars "$dir"
    [ "$status" -eq 3 ]
    # Packed in order: a quarter of a line and one used entry of 32 there, half a line back.
    [[ $(path best tern-tern-packed) == *" 0.78 + 0.00 + 2.00 = 2.78 2.78 – – 50.0 – 20.00 21" ]]
    [[ $(path to-driver tern-tern-packed) == *" 0.50 + 0.00 + 1.00 = 1.50 1.50 – – 50.0 – 20.00 21" ]]
    [ -z "$(path to-driver tern-tern-packed far)" ]
    [[ $output == *"1 rows are left out: of fewer than 20 windows"* ]]
    [[ $output == *"no limits: "*"fix: tern-bench roofline --out "* ]]
    limits >"$dir/roofline.csv"
    run "$bench" bars "$dir"
    [[ $(path best tern-tern-packed) == *" = 2.78 2.78 100.0 10.0 lines 50.0 20 % 20.00 21" ]]
    [[ $(path best tern-tern-packed far) == *" = 2.78 2.78 50.0 20.0 lines 100.0 20 % 10.00 22" ]]
    head -n 1 "$dir/paths.csv" | grep -q ',mpps_high,share,counted,limit_ns,ns,windows$'
    grep -q '^tern-tern-packed,best,near,0.78125,0,2,2.78125,100,lines,20,20,20,20,2.78125,10,50,21$' "$dir/paths.csv"
    grep -q '<td class="n">2.78125</td>' "$dir/bars.html"
    run ! grep -q '^tern-tern-packed,to-driver,far' "$dir/paths.csv"
    sed -i 's/^one.*/one,from-own,0,64,0,0,20,3,12.5,15/' "$dir/roofline.csv" # twice a packet
    run "$bench" bars "$dir"
    [[ $(path best tern-tern-packed) == *" = 2.78 2.78 40.0 25.0 copies 50.0 50 % 20.00 21" ]]
}

@test "bars: a limit of few windows is none" {
    bar 'best-packed,best,mpps,1.0,1.0,tern-tern-packed,stock'
    ran best tern-tern-packed near 21 20
    ran best tern-tern-packed far 21 10
    limits | sed '/^far/s/,20,9,/,1,9,/' >"$dir/roofline.csv"
    run "$bench" bars "$dir"
    [[ $(path best tern-tern-packed) == *" 100.0 10.0 lines 50.0 20 % 20.00 21" ]]
    [[ $(path best tern-tern-packed far) == *" = 2.78 2.78 – – 100.0 – 10.00 21" ]]
    [[ $output == *"no limit far: roofline.csv has no point of 5 windows"*"fix: "* && $output != *"no limit near"* ]]
}

@test "bars: lines are counted as tern-bench lines counts them" {
    [[ -x $bench-lines ]] || skip "tern-bench-lines was not built"
    declare -A moved=()
    local ring n set format there back
    "$bench-lines" --ring split,split-inorder,packed,packed-inorder --size 1024 --publish 32 --complete 32 \
        --schedule lockstep --payload 64 --work copy --out "$dir/lines" >/dev/null
    while read -r ring n; do moved[$ring]=$n; done < <(awk -F'[,/]' '/,all,/ { print $1, $NF }' "$dir/lines/lines.csv")
    bar 'best-packed,best,mpps,1.0,1.0,tern-tern-packed,stock'
    for format in split packed; do
        for set in best to-device to-driver; do ran "$set" "tern-tern-$format" near 20 20; done
        ran inside "tern-tern-${format}_mrg" near 20 20
    done
    run "$bench" bars "$dir"
    for format in split packed; do
        there=${moved[$format-inorder]} back=${moved[$format]}
        for n in "tern-tern-$format,best,$there,$back" "tern-tern-${format}_mrg,inside,$back,$back" \
            "tern-tern-$format,to-device,$there,0" "tern-tern-$format,to-driver,$back,0"; do
            IFS=, read -r pair set there_is back_is <<<"$n"
            awk -F, -v pair="$pair" -v set="$set" -v want="$there_is" -v more="$back_is" '
                $1 == pair && $2 == set { d = $14 - want - more; found = d * d < 1e-8 }
                END { exit !found }' "$dir/paths.csv" || { echo "$n"; cat "$dir/paths.csv"; false; }
        done
    done
}
