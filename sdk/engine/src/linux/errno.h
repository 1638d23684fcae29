/* <errno.h> of CPython, which is compiled with this header in front of the C library's (build.sh).
 *
 * What the C library calls ENOENT is 44, WASI's number; in a notebook's kernel it is 2, and both numbers show in the text of
 * exceptions. So `errno` is another variable here, with Linux's numbers (../linux_errno.c). The C library, numpy and
 * pandas go on with WASI's among themselves; their errors reach Python through CPython, and are translated there. */
#include_next <errno.h>

#include "../linux_errno.h"
