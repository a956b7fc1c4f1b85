/* What the life of a command needs of the C API: the running command per thread, and errors as objects. */
#ifndef HYSTRIXPY_EXECUTION_H
#define HYSTRIXPY_EXECUTION_H

#include <Python.h>
#include <frameobject.h>
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

/* The innermost frame (execution.pxd) of this thread, or NULL. Initial-exec: one instruction instead of a call. */
static _Thread_local void *hx_top __attribute__((tls_model("initial-exec"))) = NULL;

static inline void *hx_get_top(void) { return hx_top; }
static inline void hx_set_top(void *frame) { hx_top = frame; }

/* Instances of a command class, made the way object.__new__ makes them.
 *
 * Before 3.13 only object.__new__ lets a new instance keep its attributes in the object; an extension type's
 * own constructor calls tp_alloc alone, and the first attribute then costs a whole dict. So the tp_alloc of a
 * command class goes through object.__new__, which calls tp_alloc again: that time it is the real one.
 * (No free-threaded build is as old as that, so one flag under the GIL is enough.)
 */
#if PY_VERSION_HEX < 0x030D0000
static int hx_within_new = 0;

static PyObject *hx_alloc(PyTypeObject *type, Py_ssize_t items) {
    static PyObject *no_arguments = NULL;
    if (hx_within_new) {
        hx_within_new = 0;
        return PyType_GenericAlloc(type, items);
    }
    if (no_arguments == NULL && (no_arguments = PyTuple_New(0)) == NULL) return NULL;
    hx_within_new = 1;
    return PyBaseObject_Type.tp_new(type, no_arguments, NULL);
}

static inline void hx_prepare_class(PyObject *cls) {
    PyTypeObject *type = (PyTypeObject *)cls;
    if (type->tp_alloc == PyType_GenericAlloc && !PyType_HasFeature(type, Py_TPFLAGS_IS_ABSTRACT))
        type->tp_alloc = hx_alloc;
}
#else
static inline void hx_prepare_class(PyObject *cls) { (void)cls; }
#endif

/* The raised exception as a new reference with its traceback set, cleared from the thread; NULL if none. */
static inline PyObject *hx_take_error(void) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

/* Leave an exception as the raised one. */
static inline void hx_put_error(PyObject *error) {
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(Py_NewRef(error));
#else
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
#endif
}

/* Leave an exception as the error indicator, with the traceback it has. */
static inline void hx_give_error(PyObject *error) { PyErr_SetObject((PyObject *)Py_TYPE(error), error); }

/* Let go of the locals of the frame that an exception was raised through first; its line stays in the traceback.
 *
 * That frame is run's, and its locals hold the command, which holds the exception: without this every failed
 * call would be a cycle for the garbage collector, at more than the price of the call.
 */
static inline void hx_drop_locals(PyObject *error) {
    static PyObject *clear = NULL;
    PyObject *traceback = PyException_GetTraceback(error);
    PyObject *cleared;
    if (traceback == NULL) return;
    if (clear == NULL) clear = PyUnicode_InternFromString("clear");
    cleared = PyObject_CallMethodNoArgs((PyObject *)((PyTracebackObject *)traceback)->tb_frame, clear);
    if (cleared == NULL) PyErr_Clear();      /* it runs again, or still: not ours to clear */
    Py_XDECREF(cleared);
    Py_DECREF(traceback);
}

/* A new reference, or NULL with the error indicator set, as Cython's "object". */
#define hx_pass(value) (value)

/* The class dictionary's own entry of that name: a borrowed reference, or NULL without an error.
 *
 * Every command class has one, put there when the class was made. It is looked up for every new command,
 * so it is remembered (without the GIL: by each thread) by the class's version tag: a tag is never used twice and goes back to 0
 * when anything about the class changes, so a match means the same class with the same entry.
 */
typedef struct {
    PyTypeObject *type;
    unsigned int version;
    PyObject *entry;
} hx_class_memo;

#ifdef Py_GIL_DISABLED
static _Thread_local hx_class_memo hx_classes[64];
#else
static hx_class_memo hx_classes[64];
#endif

static inline PyObject *hx_own_entry(PyObject *instance, PyObject *name) {
    PyTypeObject *type = Py_TYPE(instance);
    hx_class_memo *memo = &hx_classes[((uintptr_t)type >> 6) & 63];
    unsigned int version = type->tp_version_tag;
    if (version == 0 || memo->version != version || memo->type != type) {
        memo->entry = PyDict_GetItem(type->tp_dict, name);
        memo->type = type;
        memo->version = version;
    }
    return memo->entry;
}

#endif
