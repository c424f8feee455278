#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# What scripts/compare-peers compares. That it can is tests/interop/compare.bats.
# shellcheck disable=SC2154 # status and output are bats' own

bats_require_minimum_version 1.5.0
compare=$TERN_ROOT/scripts/compare-peers

# listed ROW: its line.
listed() { grep -E "^$1 " <<<"$output"; }

@test "compare-peers: each row of the bars is there" {
    run "$compare" --list
    [ "$status" -eq 0 ]
    for n in {vhost,user}-{split,packed} vhost-{split,packed}_{inorder,mrg,plain,vec} two-ports-{split,packed} \
        to-{device,driver}-{split,packed} size-{128,256,512,1024,1518,4096,9000}-{split,packed} \
        burst-{1,4,8,64}-{split,packed} ring-{128,256,512,2048,4096}-{split,packed} ring-1000-packed \
        queues-2-{split,packed} latency-{p50,p99}-{split,packed} formats-{tern-tern,tern-stock,stock-tern} \
        {orders,generic}-{split,packed} vhost-packed_mrg_vec orders-vhost-{split,packed}{,_inorder} \
        formats-{to-device,to-driver,two-ports,queues-2} formats-size-{128,256,512,1024,1518,4096,9000} \
        formats-burst-{1,4,8,64} formats-ring-{128,256,512,2048,4096} formats-latency-{p50,p99} \
        noise-{best,latency-p50,latency-p99}; do
        listed "$n" >/dev/null || { echo "no $n"; false; }
    done
    [[ $(listed best-packed) == *" 1.5   2.5  mpps tern-tern-packed ÷ "*"stock-stock-split_vec stock-stock-packed "* ]]
    [[ $(listed best-split) == *" 1.5   2.0  mpps tern-tern-split ÷ "* ]]
    [[ $(listed best-split) != *stock-stock-packed* ]]
    [[ $(listed latency-p99-packed) == *" 0.8   0.9  p99 tern-tern-packed ÷ stock-stock-split stock-stock-packed; flow=latency" ]]
    [[ $(listed best-packed) == *" stock-stock-packed_mrg_vec; as usual" ]]
    [[ $(listed formats-burst-8) == *" 1.0   1.0  mpps tern-tern-packed ÷ tern-tern-split; burst=8" ]]
    [[ $(listed formats-latency-p99) == *" 1.0   1.0  p99 tern-tern-packed ÷ tern-tern-split; flow=latency" ]]
    [[ $(listed noise-latency-p99) == *" p99 stock-stock#2-packed ÷ stock-stock-packed; flow=latency" ]]
    # The same but for the order: mergeable buffers or not on both sides.
    [[ $(listed orders-vhost-split) == *" mpps tern-stock-split ÷ tern-stock-split_mrg; as usual" ]]
    [[ $(listed orders-vhost-packed_inorder) == *" tern-stock-packed_inorder ÷ tern-stock-packed_plain; as usual" ]]
    [[ $(listed generic-packed) == *" 0.6   0.6  mpps tern-tern-packed_generic ÷ tern-tern-packed; as usual" ]]
}

@test "compare-peers: with another DPDK both stock pairs are held against" {
    run "$compare" --list --dpdk /opt/other user-packed
    [ "$status" -eq 0 ]
    [[ $(listed user-packed) == *"stock-tern-packed ÷ stock-stock-packed stock-stock@other-packed; as usual" ]]
    [ "$(wc -l <<<"$output")" -eq 3 ] # the head, the row, its noise
}

@test "compare-peers: what is wrong is named, and is no bar that was missed" {
    run "$compare" --list no-such-row
    [ "$status" -eq 2 ]
    [[ $output == *"no row is called that"*"fix: "* ]]
    run "$compare" --list --windows 0
    [ "$status" -eq 2 ]
    [[ $output == *"--windows 0: one of these is no number"*"fix: "* ]]
    run "$compare" --fast
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
    run "$compare" --list --place here
    [ "$status" -eq 2 ]
    [[ $output == *"--place here: there is no such one"*"fix: "* ]]
    run "$compare" --build "$BATS_TEST_TMPDIR"
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
}

# limits CLASS WINDOWS...: a line for each point, of so many windows.
limits() {
    local n class=$1 at=0
    shift
    for n; do echo "$class,one-way,$((++at)),0,32,256,$n,1,2,3"; done
}

@test "compare-peers: limits count as known when nearly all points of a placement have enough windows" {
    # shellcheck source=scripts/lib-limits.sh
    . "$TERN_ROOT/scripts/lib-limits.sh"
    local had=$BATS_TEST_TMPDIR/had.csv now=$BATS_TEST_TMPDIR/now.csv
    limits_lack "$had" near
    {
        echo class,direction,lines,bytes,batch,window,windows,p10_ns,p50_ns,p90_ns
        limits near 9 9 9 9 9 9 9 9 9 4
        limits far 1
        limits one 9
    } >"$had"
    run ! limits_lack "$had" near
    limits_lack "$had" far
    {
        head -n 1 "$had"
        limits far 5 5 5 5 5 5 5 5 4 4
        limits near 3 10
    } >"$now"
    limits_merge "$had" "$now" >"$BATS_TEST_TMPDIR/both.csv"
    diff "$BATS_TEST_TMPDIR/both.csv" <(
        head -n 1 "$had"
        limits near 9 10 9 9 9 9 9 9 9 4
        limits far 5
        limits one 9
        limits far 5 5 5 5 5 5 5 5 4 4 | tail -n +2
    )
    limits_lack "$BATS_TEST_TMPDIR/both.csv" far
    sed -i 's/^\(far,one-way,9,0,32,256\),4/\1,5/' "$BATS_TEST_TMPDIR/both.csv"
    run ! limits_lack "$BATS_TEST_TMPDIR/both.csv" far
    run ! limits_lack "$BATS_TEST_TMPDIR/both.csv" near
}
