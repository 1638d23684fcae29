/* The built-in module `_titan`: what Python code inside the engine can ask of C. */
#include "files.h"
#include "host.h"
#include "python.h"

static PyObject *titan_infer(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)self;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "infer(model, inputs)");
        return NULL;
    }
    return infer(arguments[0], arguments[1]);
}

static PyObject *titan_find(PyObject *self, PyObject *name)
{
    (void)self;
    return archive_find(name);
}

static PyObject *titan_modules(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return archive_names();
}

static PyObject *titan_add_file(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)self;
    const char *path = count == 2 && PyUnicode_Check(arguments[0]) ? PyUnicode_AsUTF8(arguments[0]) : NULL;
    if (path == NULL || !PyBytes_Check(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "add_file(path, bytes)");
        return NULL;
    }
    if (files_add(path, PyBytes_AS_STRING(arguments[1]), (size_t)PyBytes_GET_SIZE(arguments[1])) != 0) {
        return PyErr_NoMemory();
    }
    /* The file is there for good, and so are its bytes. */
    Py_INCREF(arguments[1]);
    Py_RETURN_NONE;
}

static PyObject *titan_duplicate(PyObject *self, PyObject *descriptor)
{
    (void)self;
    long fd = PyLong_AsLong(descriptor);
    if (fd == -1 && PyErr_Occurred()) {
        return NULL;
    }
    int32_t duplicate;
    /* The error numbers of this C library are WASI's. */
    errno = files_duplicate((int32_t)fd, &duplicate);
    return errno == 0 ? PyLong_FromLong(duplicate) : PyErr_SetFromErrno(PyExc_OSError);
}

/* When `lap` was last called with none; 0 once it has told. */
static uint64_t lap_began; /* nanoseconds */

/* No reading of the clock may stay behind in memory, freed or not: the same notebook gives the same heap image. */
static PyObject *titan_lap(PyObject *self, PyObject *milliseconds)
{
    (void)self;
    if (milliseconds == Py_None) {
        lap_began = host_monotonic_now();
        Py_RETURN_NONE;
    }
    unsigned long limit = PyLong_AsUnsignedLong(milliseconds);
    if (limit == (unsigned long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    int over = host_monotonic_now() - lap_began >= limit * UINT64_C(1000000);
    lap_began = 0;
    return PyBool_FromLong(over);
}

static PyMethodDef methods[] = {
    {"infer", _PyCFunction_CAST(titan_infer), METH_FASTCALL,
     "infer(model, inputs) -> outputs\n\n"
     "Runs a model of this version. Inputs are (name, type, shape, buffer), outputs (name, type, shape, bytes), in the\n"
     "model's order; type is the ordinal of wasi-nn's tensor-type (1: float32, 2: float64, 5: int32, 6: int64),\n"
     "data is C-contiguous. RuntimeError tells what the host refused."},
    {"add_file", _PyCFunction_CAST(titan_add_file), METH_FASTCALL,
     "add_file(path, bytes)\n\nAdds a file to the file system. The path is absolute, without `.` and `..`."},
    {"duplicate", titan_duplicate, METH_O, "duplicate(fd) -> another descriptor of the same file, as os.dup"},
    {"find", titan_find, METH_O, "find(name) -> (is_package, marshalled code), or None for a module not in memory"},
    {"lap", titan_lap, METH_O,
     "lap(None) begins a lap; lap(milliseconds) ends it and tells whether it took as long or longer"},
    {"modules", titan_modules, METH_NOARGS, "modules() -> frozenset of the names of all modules in memory"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_titan", "What the engine offers to Python.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__titan(void)
{
    return PyModule_Create(&definition);
}
