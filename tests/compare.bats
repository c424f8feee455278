#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# What scripts/compare-peers compares. That it can is tests/interop/compare.bats.
# shellcheck disable=SC2154 # status and output are bats' own

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
        {orders,generic}-{split,packed} noise-{best,latency}; do
        listed "$n" >/dev/null || { echo "no $n"; false; }
    done
    [[ $(listed best-packed) == *" 1.5   2.5  mpps tern-tern-packed ÷ "*"stock-stock-split_vec stock-stock-packed "* ]]
    [[ $(listed best-split) == *" 1.5   2.0  mpps tern-tern-split ÷ "* ]]
    [[ $(listed best-split) != *stock-stock-packed* ]]
    [[ $(listed latency-p99-packed) == *" 0.8   0.9  p99 tern-tern-packed ÷ stock-stock-split stock-stock-packed; flow=latency" ]]
    [[ $(listed generic-packed) == *" 0.6   0.6  mpps tern-tern-packed_generic ÷ tern-tern-packed; as usual" ]]
}

@test "compare-peers: with another DPDK both stock pairs are held against" {
    run "$compare" --list --dpdk /opt/other user-packed
    [ "$status" -eq 0 ]
    [[ $(listed user-packed) == *"stock-tern-packed ÷ stock-stock-packed stock-stock@other-packed; as usual" ]]
    [ "$(wc -l <<<"$output")" -eq 3 ] # the head, the row, its noise
}

@test "compare-peers: what is wrong is named" {
    run "$compare" --list no-such-row
    [ "$status" -eq 1 ]
    [[ $output == *"no row is called that"*"fix: "* ]]
    run "$compare" --list --windows 0
    [ "$status" -eq 1 ]
    [[ $output == *"--windows 0: one of these is no number"*"fix: "* ]]
    run "$compare" --fast
    [ "$status" -eq 1 ]
    [[ $output == *"fix: "* ]]
}
