/* C++ exceptions, which WebAssembly code of this build cannot catch: numpy throws only when memory is exhausted,
 * and the instance then ends by a trap. */
#include <stddef.h>

_Noreturn void *__cxa_allocate_exception(size_t size)
{
    (void)size;
    __builtin_trap();
}

_Noreturn void __cxa_throw(void *thrown, void *type, void (*destroy)(void *))
{
    (void)thrown, (void)type, (void)destroy;
    __builtin_trap();
}
