/* The running command of each thread. */
#ifndef HYSTRIXPY_RUNNING_H
#define HYSTRIXPY_RUNNING_H

#include <stddef.h>

/* The innermost frame (execution.pxd) of this thread, or NULL. Initial-exec: one instruction instead of a call. */
static _Thread_local void *hx_top __attribute__((tls_model("initial-exec"))) = NULL;

static inline void *hx_get_top(void) { return hx_top; }
static inline void hx_set_top(void *frame) { hx_top = frame; }

#endif
