// SPDX-License-Identifier: BSD-3-Clause
// tern-bench ringtest: the options of the Linux kernel's tools/virtio/ringtest, over our rings.
#ifndef BENCH_RINGTEST_H
#define BENCH_RINGTEST_H

// An exit status.
int bench_ringtest_command(int argc, char **argv);

#endif
