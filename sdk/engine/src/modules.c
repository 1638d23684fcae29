/* The extension modules compiled into the engine beside CPython's own. */
#include "python.h"

/* Dotted names import as they are from the table of built-in modules. */
#define NUMPY(X) \
    X(numpy._core, _multiarray_umath) \
    X(numpy.linalg, _umath_linalg) \
    X(numpy.linalg, lapack_lite) \
    X(numpy.fft, _pocketfft_umath) \
    X(numpy.random, _common) \
    X(numpy.random, bit_generator) \
    X(numpy.random, _bounded_integers) \
    X(numpy.random, _mt19937) \
    X(numpy.random, _philox) \
    X(numpy.random, _pcg64) \
    X(numpy.random, _sfc64) \
    X(numpy.random, _generator) \
    X(numpy.random, mtrand)

#define DECLARE(package, module) PyMODINIT_FUNC PyInit_##module(void);
NUMPY(DECLARE)
PyMODINIT_FUNC PyInit_zlib(void);

int modules_register(void)
{
#define REGISTER(package, module) &&PyImport_AppendInittab(#package "." #module, PyInit_##module) == 0
    return PyImport_AppendInittab("_titan", PyInit__titan) == 0 && PyImport_AppendInittab("zlib", PyInit_zlib) == 0
        NUMPY(REGISTER);
}
