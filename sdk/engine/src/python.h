/* CPython with what its header leaves undeclared: the parts of the engine that hold Python objects include this. */
#ifndef TITAN_PYTHON_H
#define TITAN_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* The built-in module `_titan` (module.c). */
PyMODINIT_FUNC PyInit__titan(void);

/* Registers every module compiled into the engine; false if memory ran out. To be called before Python starts (modules.c). */
int modules_register(void);

/* The in-memory modules (archive.c). Returns a new reference to (is_package, code) or None; NULL with an exception set. */
PyObject *archive_find(PyObject *name);
/* A new frozenset of the names of all in-memory modules. */
PyObject *archive_names(void);
/* Offers to Python the modules it needs before it can run an importer. */
void archive_register_frozen(void);

/* Runs model `name` on a sequence of (name, type, shape, buffer); see module.c for the result (infer.c). */
PyObject *infer(PyObject *name, PyObject *inputs);
/* Gives the handles of all models back. */
void infer_forget(void);

/* Makes every object reachable from the collector's lists immortal and returns how many; -1 with an exception. With `still`, code
 * learns nothing more (immortal.c). */
Py_ssize_t immortalise(int still);

/* Gives up every free block, so that an instance's objects lie together (settle.c). */
void settle(void);

#endif
