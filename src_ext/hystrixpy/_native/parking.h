/* What the pool and the timer need below Python: a mutex, a place to sleep, a brief spin.
 *
 * A parker belongs to one sleeping thread. It is told at most a few times and never "un-told" by anyone but its
 * owner, so a call to hx_unpark that comes early is kept and one that comes late is a spurious wake-up:
 * whoever parks looks again at what it waits for. Nothing here touches Python, so nothing here needs the GIL,
 * and no thread ever takes the GIL while it holds a hx_mutex.
 *
 * Linux sleeps on a futex; elsewhere a mutex and a condition stand in for it.
 */
#ifndef HYSTRIXPY_PARKING_H
#define HYSTRIXPY_PARKING_H

#include <Python.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "atomics.h"

enum { HX_TOLD = 1, HX_LATE = 0, HX_SIGNAL = -1 }; /* how hx_park ended */

static inline int64_t hx_monotonic(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline struct timespec hx_timespec(int64_t ns) {
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    return t;
}

/* --- mutex: held for a few dozen instructions, never while Python runs --- */

typedef struct { pthread_mutex_t lock; } hx_mutex;

static inline void hx_mutex_init(hx_mutex *m) { pthread_mutex_init(&m->lock, NULL); }
static inline void hx_lock(hx_mutex *m) { pthread_mutex_lock(&m->lock); }
static inline void hx_unlock(hx_mutex *m) { pthread_mutex_unlock(&m->lock); }

/* --- parker --- */

enum { HX_AWAKE_ = 0, HX_TOLD_ = 1, HX_ASLEEP_ = 2 };

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>

typedef struct { uint32_t state; } hx_parker;

static inline void hx_parker_init(hx_parker *p) { __atomic_store_n(&p->state, HX_AWAKE_, __ATOMIC_RELAXED); }

static inline int hx_is_told(hx_parker *p) { return __atomic_load_n(&p->state, __ATOMIC_ACQUIRE) == HX_TOLD_; }

/* After the exchange the parker may be gone (its owner saw HX_TOLD_ and returned): the wake-up then goes to an
 * address where nobody sleeps, which the kernel ignores, or to another sleeper, for whom it is spurious. */
static inline void hx_unpark(hx_parker *p) {
    if (__atomic_exchange_n(&p->state, HX_TOLD_, __ATOMIC_ACQ_REL) == HX_ASLEEP_)
        syscall(SYS_futex, &p->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Sleep until told, until the deadline (hx_monotonic; negative: none), or until a signal came. */
static inline int hx_park(hx_parker *p, int64_t deadline) {
    uint32_t seen = HX_AWAKE_;
    struct timespec until = hx_timespec(deadline < 0 ? 0 : deadline);
    if (!__atomic_compare_exchange_n(&p->state, &seen, HX_ASLEEP_, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return HX_TOLD;
    for (;;) {
        long ended = syscall(SYS_futex, &p->state, FUTEX_WAIT_BITSET_PRIVATE, HX_ASLEEP_,
                             deadline < 0 ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
        int why = ended == 0 ? 0 : errno;
        if (hx_is_told(p)) return HX_TOLD;
        if (why != ETIMEDOUT && why != EINTR) continue;
        seen = HX_ASLEEP_;
        if (!__atomic_compare_exchange_n(&p->state, &seen, HX_AWAKE_, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return HX_TOLD;
        return why == EINTR ? HX_SIGNAL : HX_LATE;
    }
}

/* Whether Python would run signal handlers in this thread. */
static inline int hx_on_main_thread(void) { return syscall(SYS_gettid) == getpid(); }

#else

typedef struct {
    uint32_t state;
    pthread_mutex_t lock;
    pthread_cond_t woken;
} hx_parker;

static inline void hx_parker_init(hx_parker *p) {
    p->state = HX_AWAKE_;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->woken, NULL);
}

static inline int hx_is_told(hx_parker *p) {
    pthread_mutex_lock(&p->lock);
    int told = p->state == HX_TOLD_;
    pthread_mutex_unlock(&p->lock);
    return told;
}

static inline void hx_unpark(hx_parker *p) {
    pthread_mutex_lock(&p->lock);
    p->state = HX_TOLD_;
    pthread_cond_signal(&p->woken);
    pthread_mutex_unlock(&p->lock);
}

static inline int hx_park(hx_parker *p, int64_t deadline) {
    int told;
    pthread_mutex_lock(&p->lock);
    while (p->state != HX_TOLD_) { /* in slices of 50 ms: no signal ends pthread_cond_wait, and its clock may be the wall's */
        int64_t now = hx_monotonic(), slice = 50000000;
        struct timespec wall;
        if (deadline >= 0 && now >= deadline) break;
        if (deadline >= 0 && deadline - now < slice) slice = deadline - now;
        clock_gettime(CLOCK_REALTIME, &wall);
        wall = hx_timespec((int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec + slice);
        if (pthread_cond_timedwait(&p->woken, &p->lock, &wall) == ETIMEDOUT && (deadline < 0 || hx_monotonic() < deadline)) {
            pthread_mutex_unlock(&p->lock);
            return HX_SIGNAL; /* perhaps: the caller looks */
        }
    }
    told = p->state == HX_TOLD_ ? HX_TOLD : HX_LATE;
    pthread_mutex_unlock(&p->lock);
    return told;
}

static inline int hx_on_main_thread(void) { return 1; }

#endif

/* Look for up to `ns` whether the parker is told. About 20 ns a look; the clock is read at every 8th. */
static inline int hx_spin(hx_parker *p, int64_t ns) {
    int64_t end = hx_monotonic() + ns;
    do {
        for (int i = 0; i < 8; i++) {
            if (hx_is_told(p)) return 1;
            hx_pause();
        }
    } while (hx_monotonic() < end);
    return hx_is_told(p);
}

/* On how many cores this process may run. */
static inline int hx_cores(void) {
#if defined(__linux__) && defined(CPU_COUNT)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

#endif
