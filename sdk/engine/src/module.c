/* The built-in module `_titan`: what Python code inside the engine can ask of C. */
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

static PyMethodDef methods[] = {
    {"infer", _PyCFunction_CAST(titan_infer), METH_FASTCALL,
     "infer(model, inputs) -> outputs\n\n"
     "Runs a model of this version. Inputs are (name, type, shape, buffer), outputs (name, type, shape, bytes), in the\n"
     "model's order; type is the ordinal of wasi-nn's tensor-type (1: float32, 2: float64, 5: int32, 6: int64),\n"
     "data is C-contiguous. RuntimeError tells what the host refused."},
    {"find", titan_find, METH_O, "find(name) -> (is_package, marshalled code), or None for a module not in memory"},
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
