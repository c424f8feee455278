// SPDX-License-Identifier: BSD-3-Clause
// Inside the library: guest memory that vanishes while it is mapped. A front end can truncate the
// file behind a region at any time, and the next access by a polling thread raises SIGBUS. The
// handler puts empty memory of our own in the region's place, so that the thread goes on, and notes
// it; the control thread then gives the front end up. Any other SIGBUS goes to whoever handled the
// signal before.
#ifndef VHU_FAULT_H
#define VHU_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct vhu_fault;

// Guards a mapping from now on; installs the handler where it is not (for good). NULL: no memory.
struct vhu_fault *vhu_fault_watch(void *map, uint64_t bytes);

// The mapping is about to be unmapped. NULL: nothing.
void vhu_fault_forget(struct vhu_fault *f);

// True once the mapping's memory was replaced.
bool vhu_fault_hit(const struct vhu_fault *f);

#endif
