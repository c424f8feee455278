#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Devargs of net_tern_vhost: what it does not know or cannot do is refused by name, and what to do is said.

load lib.bash

setup_file() {
    interop_init
    [ "$TERN_VHOST_DRIVER" = net_tern_vhost ] || return 0
    testpmd_start dev "$DEV_CPU" '' "${DEV_MEM[@]}" -d "$TERN_VHOST_PLUGIN" --
    tp_expect dev 'testpmd>'
}
setup() {
    interop_init
    [ "$TERN_VHOST_DRIVER" = net_tern_vhost ] || skip "$TERN_VHOST_DRIVER does not name what it refuses"
}

# refused DEVARGS WORD: the port does not come up, and the log names WORD and a fix
refused() {
    local said
    said=$(tp_ask dev "port attach net_tern_vhost0,$1")
    echo "$said"
    [[ $said != *"is attached"* ]]
    grep -E "$2" <<<"$said"
    grep -q 'fix: ' <<<"$said"
}

@test "an unknown key" { refused "iface=$IW/sock,bogus=1" bogus; }
@test "no iface" { refused "queues=1" iface; }
@test "an iface that is too long for a socket" { refused "iface=/$(printf '%0200d' 0)" iface; }
@test "queues=0" { refused "iface=$IW/sock,queues=0" queues; }
@test "queues=129" { refused "iface=$IW/sock,queues=129" queues; }
@test "queues that are no number" { refused "iface=$IW/sock,queues=two" queues; }
@test "packed=2" { refused "iface=$IW/sock,packed=2" packed; }
@test "client=maybe" { refused "iface=$IW/sock,client=maybe" client; }
@test "queue_size_max=0" { refused "iface=$IW/sock,queue_size_max=0" queue_size_max; }
@test "queue_size_max=32769" { refused "iface=$IW/sock,queue_size_max=32769" queue_size_max; }

@test "after all refusals a good port comes up" {
    tp_ask dev "port attach net_tern_vhost0,iface=$IW/sock,queues=2" 'is attached'
}
