/* What differs between builds with and without the GIL. */
#ifndef HYSTRIXPY_BUILDING_H
#define HYSTRIXPY_BUILDING_H

#include <Python.h>
#include <stdint.h>

#ifdef Py_GIL_DISABLED
#define HX_FREE_THREADED 1
#else
#define HX_FREE_THREADED 0
#endif

/* Set a flag that was 0; what it was before. With the GIL nobody can come in between. */
static inline uint8_t hx_once(uint8_t *flag) {
#ifdef Py_GIL_DISABLED
    return __atomic_exchange_n(flag, 1, __ATOMIC_ACQ_REL);
#else
    uint8_t before = *flag;
    *flag = 1;
    return before;
#endif
}

#endif
