// SPDX-License-Identifier: BSD-3-Clause
// Where and with what a run was made.
#ifndef BENCH_MANIFEST_H
#define BENCH_MANIFEST_H

// Writes manifest.txt into a folder: CPU, kernel, pages, governor, compiler and its flags, version.
// 0, or -errno.
int bench_manifest_write(const char *dir);

#endif
