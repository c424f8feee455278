// SPDX-License-Identifier: BSD-3-Clause
// Inside the library: what each request of the protocol demands and does. No sockets here.
#ifndef VHU_PROTO_H
#define VHU_PROTO_H

#include "dev.h"

#ifdef __cplusplus
extern "C" {
#endif

enum vhu_outcome {
    VHU_DONE = 0,
    VHU_ANSWER = 1, // send the reply
    VHU_DROP = 2,   // drop the connection; the device's last_error says why
};

// Handles one complete message. Descriptors that are still in it afterwards are the caller's.
enum vhu_outcome vhu_proto_handle(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);

// Works out what a new device offers.
void vhu_proto_offer(struct vhu_dev *d);

// How many descriptors come with a request.
enum vhu_fd_rule {
    VHU_FD_NONE,
    VHU_FD_ONE,
    VHU_FD_MAYBE, // one or none
    VHU_FD_FLAG,  // one, or none with VHU_VRING_NOFD
    VHU_FD_TABLE, // one a region
};

// Handlers return 0, or vhu_refuse(): nothing has changed then.
typedef int (*vhu_handler)(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);

// A row of the request table.
struct vhu_request {
    vhu_handler handle;
    uint64_t needs;        // protocol feature that must be offered
    uint16_t min, max;     // payload bytes
    enum vhu_fd_rule fds;
    bool replies; // has a reply of its own
    bool vital;   // refused without an answer, the two sides disagree: drop the connection
};

// proto_dev.c
int vhu_on_get_features(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_set_features(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_get_proto(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_set_proto(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_set_owner(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_reset(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_queue_num(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_set_status(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_get_status(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_get_config(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_set_config(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_backend_fd(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_set_mtu(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_send_rarp(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);

// proto_mem.c
int vhu_on_mem_table(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_max_slots(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_add_region(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_rem_region(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);

// proto_ring.c
int vhu_on_ring_num(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_ring_addr(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_ring_base(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_get_base(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_ring_fd(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);
int vhu_on_ring_enable(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply);

#ifdef __cplusplus
}
#endif

#endif
