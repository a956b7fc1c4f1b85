/* Whether OpenTelemetry's API holds a tracer provider, for the price of one comparison per call.
 *
 * The API keeps it in a module variable and tells nobody when it is set. From Python 3.12 on the interpreter calls
 * us when the module's dictionary changes; before, every change gives the dictionary a new version number. */
#ifndef HYSTRIXPY_TRACER_H
#define HYSTRIXPY_TRACER_H

#include <Python.h>

static struct {
    PyObject *names;            /* the module's dictionary, NULL: not looked at */
    PyObject *name;
    PyObject *useless;          /* a provider that records nothing */
    int64_t here;               /* whether the variable holds anything else */
#if PY_VERSION_HEX < 0x030C0000
    uint64_t version;
#else
    int watcher;
#endif
} hx_tracer;

static inline void hx_tracer_is(PyObject *value) {
    int64_t here = value != NULL && value != Py_None && value != hx_tracer.useless;
    __atomic_store_n(&hx_tracer.here, here, __ATOMIC_RELAXED);
}

static inline void hx_tracer_look(void) {
    PyObject *value = NULL;
#if PY_VERSION_HEX >= 0x030D0000
    if (PyDict_GetItemRef(hx_tracer.names, hx_tracer.name, &value) < 0) PyErr_Clear();
    hx_tracer_is(value);
    Py_XDECREF(value);
#else
    value = PyDict_GetItem(hx_tracer.names, hx_tracer.name);
    hx_tracer_is(value);
#endif
}

#if PY_VERSION_HEX < 0x030C0000

static inline int hx_has_tracer(void) {
    uint64_t version;
    if (hx_tracer.names == NULL) return 0;
    version = ((PyDictObject *)hx_tracer.names)->ma_version_tag;
    if (version != hx_tracer.version) {
        hx_tracer.version = version;
        hx_tracer_look();
    }
    return (int)hx_tracer.here;
}

static inline int hx_tracer_watch(void) {
    hx_tracer.version = 0;
    return 0;
}

#else

/* Called before the change is made. */
static int hx_tracer_changes(PyDict_WatchEvent event, PyObject *names, PyObject *key, PyObject *value) {
    if (names != hx_tracer.names) return 0;
    if (event == PyDict_EVENT_ADDED || event == PyDict_EVENT_MODIFIED || event == PyDict_EVENT_DELETED) {
        if (key != hx_tracer.name && !(PyUnicode_Check(key) && PyUnicode_Compare(key, hx_tracer.name) == 0)) return 0;
        hx_tracer_is(event == PyDict_EVENT_DELETED ? NULL : value);
    } else if (event == PyDict_EVENT_CLEARED) {
        hx_tracer_is(NULL);
    }
    return 0;
}

static inline int hx_has_tracer(void) {
    return (int)__atomic_load_n(&hx_tracer.here, __ATOMIC_RELAXED);
}

static inline int hx_tracer_watch(void) {
    static int made = 0;
    if (!made) {
        int watcher = PyDict_AddWatcher(hx_tracer_changes);
        if (watcher < 0) return -1;
        hx_tracer.watcher = watcher;
        made = 1;
    }
    if (PyDict_Watch(hx_tracer.watcher, hx_tracer.names) < 0) return -1;
    hx_tracer_look();
    return 0;
}

#endif

/* Look at names[name] from now on; NULL: no more. The references are kept. 0, or -1 with an exception. */
static inline int hx_tracer_at(PyObject *names, PyObject *name) {
    PyObject *old_names = hx_tracer.names, *old_name = hx_tracer.name;
    Py_XINCREF(names);
    Py_XINCREF(name);
    hx_tracer.name = name;
    hx_tracer.names = names;
    hx_tracer_is(NULL);
    Py_XDECREF(old_names);
    Py_XDECREF(old_name);
    return names == NULL ? 0 : hx_tracer_watch();
}

/* As good as none from now on. */
static inline void hx_tracer_ignore(PyObject *provider) {
    PyObject *old = hx_tracer.useless;
    Py_INCREF(provider);
    hx_tracer.useless = provider;
    Py_XDECREF(old);
    if (hx_tracer.names != NULL) hx_tracer_look();
}

#endif
