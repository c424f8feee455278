// SPDX-License-Identifier: BSD-3-Clause
// The chains of chain_rows.c, offered to a running process.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "attack.h"
#include "chain_rows.h"

static void run_chain(const struct attack *a)
{
    const struct chain *c = a->row;
    honest_start();
    if (a->vq == TRANSMITQ && c->outcome == PASSES)
        honest_offer(0);
    c->fill(a->vq);
    if (a->vq == RECEIVEQ)
        honest_send();
    if (c->outcome == BREAKS) {
        expect_broken(a->vq, vq_broken_name(c->why));
        return;
    }
    if (c->outcome == DROPS)
        expect_drops(a->vq, c->cause);
    // A receive buffer that is too small for this frame stays for another.
    else if (!FE_UNTIL(used(a->vq) > 0))
        fail_msg("the buffer did not come back");
    else if (a->vq == TRANSMITQ)
        honest_receive(0);
    expect_live(a->vq);
}

void add_chains(void)
{
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned i = 0; i < nchains; i++) {
            const struct chain *c = &chains[i];
            for (unsigned vq = 0; vq < 2; vq++) {
                if (!(c->formats & (f ? PK : SP)) || !(c->rings & (vq == TRANSMITQ ? TX : RX)))
                    continue;
                attack_add(run_chain, c, formats[f] & ~c->without, "%s, %s ring", c->name,
                           vq == TRANSMITQ ? "transmit" : "receive")
                    ->vq = vq;
            }
        }
    }
}
