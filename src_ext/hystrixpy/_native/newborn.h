/* Threads that do not run yet. */
#ifndef HYSTRIXPY_NEWBORN_H
#define HYSTRIXPY_NEWBORN_H

#include <Python.h>

/* Up to Python 3.11 a thread that is being started has the identifier of the thread that starts it, until it runs.
   PyThreadState_SetAsyncExc would find it first and raise in it instead: the newborn dies before it says that it
   lives, and whoever started it waits for that for ever. True while there is such a thread; the GIL must be held. */
static inline int hx_starts_a_thread(unsigned long id)
{
#if PY_VERSION_HEX < 0x030C0000
    int found = 0;
    PyThreadState *each = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; each != NULL; each = PyThreadState_Next(each)) {
        found += each->thread_id == id;
    }
    return found > 1;
#else
    (void)id;
    return 0;
#endif
}

#endif
