/* Makes the objects of a heap image immortal, and what else is written to them early.
 *
 * A reference count that is written dirties its page, and a dirty page is what a fresh instance pays for. The count of an immortal
 * object is never written. The price is that objects alive at the freeze are never freed, which for a heap image is no
 * price: a new instance starts from all of them anyway. A str writes its hash down when it is first asked for, and code counts how often
 * it runs in order to specialise itself. */
#define Py_BUILD_CORE
#include <stdlib.h>

#include "python.h"

#include "internal/pycore_backoff.h"
#include "internal/pycore_code.h"
#include "internal/pycore_opcode_metadata.h"

/* Objects whose children are still to be visited. */
static struct {
    PyObject **items;
    size_t count, capacity;
} stack;

static Py_ssize_t made;

/* Whether code learns nothing more. */
static int still;

/* Sets the counters of `code` to the value that is never counted down. */
static void quieten(PyCodeObject *code)
{
    _Py_CODEUNIT *instructions = _PyCode_CODE(code);
    for (int i = 0; i < Py_SIZE(code); i++) {
        int opcode = _Py_GetBaseOpcode(code, i);
        int caches = _PyOpcode_Caches[opcode];
        if (caches != 0) {
            instructions[i + 1].counter = initial_unreachable_backoff_counter();
            i += caches;
        }
    }
}

static int push(PyObject *object, void *unused)
{
    (void)unused;
    if (object == NULL || _Py_IsImmortal(object)) {
        return 0;
    }
    if (stack.count == stack.capacity) {
        size_t capacity = stack.capacity == 0 ? 1 << 16 : stack.capacity * 2;
        PyObject **items = realloc(stack.items, capacity * sizeof *items);
        if (items == NULL) {
            return -1;
        }
        stack.items = items;
        stack.capacity = capacity;
    }
    Py_SET_REFCNT(object, _Py_IMMORTAL_REFCNT);
    made++;
    if (PyUnicode_CheckExact(object)) {
        PyObject_Hash(object);
    } else if (still && PyCode_Check(object)) {
        quieten((PyCodeObject *)object);
    }
    stack.items[stack.count++] = object;
    return 0;
}

/* Code objects hold much and take no part in collection, so no traverse function tells of it. */
static int push_parts_of_code(PyCodeObject *code)
{
    PyObject *parts[] = {
        code->co_consts,      code->co_names, code->co_exceptiontable, code->co_localsplusnames, code->co_localspluskinds,
        code->co_filename,    code->co_name,  code->co_qualname,       code->co_linetable,
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (push(parts[i], NULL) < 0) {
            return -1;
        }
    }
    return 0;
}

static int push_children(PyObject *object)
{
    if (PyCode_Check(object) && push_parts_of_code((PyCodeObject *)object) < 0) {
        return -1;
    }
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    return traverse != NULL && PyObject_IS_GC(object) ? traverse(object, push, NULL) : 0;
}

Py_ssize_t immortalise(int quiet)
{
    PyObject *collector = PyImport_ImportModule("gc");
    PyObject *objects = collector == NULL ? NULL : PyObject_CallMethod(collector, "get_objects", NULL);
    int failed = objects == NULL;
    made = 0;
    still = quiet;
    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(objects); i++) {
        PyObject *object = PyList_GET_ITEM(objects, i);
        /* One that is immortal already, as a module may be, can hold objects that are not. */
        failed = (_Py_IsImmortal(object) ? push_children(object) : push(object, NULL)) < 0;
        while (!failed && stack.count != 0) {
            failed = push_children(stack.items[--stack.count]) < 0;
        }
    }
    if (failed && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    free(stack.items);
    stack.items = NULL;
    stack.count = stack.capacity = 0;
    Py_XDECREF(objects);
    Py_XDECREF(collector);
    return failed ? -1 : made;
}
