/* Exceptions as objects, and references passed by hand. */
#ifndef HYSTRIXPY_RAISED_H
#define HYSTRIXPY_RAISED_H

#include <Python.h>
#include <frameobject.h>

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
 * call would be a cycle for the garbage collector, at more than the price of the call. Above it there may be lines of
 * ours, which have no locals: so many are passed over.
 */
static inline void hx_drop_locals(PyObject *error, int ours) {
    static PyObject *clear = NULL;
    PyObject *traceback = PyException_GetTraceback(error);
    PyObject *cleared;
    while (traceback != NULL && ours-- > 0) {
        PyObject *next = (PyObject *)((PyTracebackObject *)traceback)->tb_next;
        Py_XINCREF(next);
        Py_SETREF(traceback, next);
    }
    if (traceback == NULL) return;
    if (clear == NULL) clear = PyUnicode_InternFromString("clear");
    cleared = PyObject_CallMethodNoArgs((PyObject *)((PyTracebackObject *)traceback)->tb_frame, clear);
    if (cleared == NULL) PyErr_Clear();      /* it runs again, or still: not ours to clear */
    Py_XDECREF(cleared);
    Py_DECREF(traceback);
}

/* A new reference, or NULL with the error indicator set, as Cython's "object". */
#define hx_pass(value) (value)

#endif
