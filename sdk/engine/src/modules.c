/* The extension modules compiled into the engine beside CPython's own: numpy's, and pandas' where the engine has them. */
#include "python.h"

/* Two packages may each have a module of one name, but not a function: the linker would say so. */
#define X(package, module) PyMODINIT_FUNC PyInit_##module(void);
#include "extensions.inc"
#undef X
PyMODINIT_FUNC PyInit_zlib(void);

/* Dotted names import as they are from the table of built-in modules. */
static struct _inittab modules[] = {
    {"_titan", PyInit__titan},
    {"zlib", PyInit_zlib},
#define X(package, module) {#package "." #module, PyInit_##module},
#include "extensions.inc"
#undef X
    {NULL, NULL},
};

int modules_register(void)
{
    return PyImport_ExtendInittab(modules) == 0;
}
