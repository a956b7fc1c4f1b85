/* Command classes and their instances: made and bound at the price of a plain object. */
#ifndef HYSTRIXPY_INSTANCES_H
#define HYSTRIXPY_INSTANCES_H

#include <Python.h>
#include <stdint.h>

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
