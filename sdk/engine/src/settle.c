/* Settles the allocators of a heap image: what an instance allocates comes from one place.
 *
 * The warm-up leaves holes all over the heap, and an instance would fill them: a page written, and later restored, for each. So
 * small holes are given up, and what is allocated next lies side by side. They are what this costs, next to a heap image full of
 * objects that are never freed anyway. */
#define Py_BUILD_CORE
#include <stdlib.h>
#include <unistd.h>

#include "python.h"

#include "internal/pycore_freelist.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_obmalloc.h"
#include "internal/pycore_pystate.h"

/* Of numpy, by a patch of ours: frees its caches of small blocks. */
void npy_empty_caches(void);

/* Pools of one size of which some blocks are free. Each then is a list of its own, as pymalloc leaves a full one; a block that is
 * freed in it joins its free blocks, and nobody looks for them. */
static void give_up_blocks(poolp *used, unsigned size)
{
    /* pymalloc's heads lie before the two pointers that they consist of (pycore_obmalloc.h). */
    poolp head = (poolp)((uint8_t *)&used[2 * size] - 2 * sizeof(pymem_block *));
    for (poolp pool = head->nextpool, next; pool != head; pool = next) {
        next = pool->nextpool;
        pool->nextpool = pool->prevpool = pool;
    }
    head->nextpool = head->prevpool = head;
}

/* Arenas with free pools, as if they had none. */
static void give_up_pools(struct _obmalloc_mgmt *arenas)
{
    for (struct arena_object *arena = arenas->usable_arenas, *next; arena != NULL; arena = next) {
        next = arena->nextarena;
        arena->nextarena = arena->prevarena = NULL;
        arena->freepools = NULL;
        arena->nfreepools = 0;
    }
    arenas->usable_arenas = NULL;
    memset(arenas->nfp2lasta, 0, sizeof arenas->nfp2lasta);
}

/* The size from which on a hole is worth keeping: what is allocated in it lies together too. */
#define LARGE ((size_t)1 << 16)

/* Where the holes end. Beyond is what malloc has not given to anybody yet. */
static char *end_of_holes;

/* Allocates blocks of `size` as long as there are holes for them; each block points to the one before it. */
static void **fill_holes(void **blocks, size_t size)
{
    for (;;) {
        char *memory = sbrk(0);
        void **block = malloc(size);
        if (end_of_holes == NULL && block != NULL && sbrk(0) != memory) {
            end_of_holes = (char *)block;
        }
        if (block == NULL || (end_of_holes != NULL && (char *)block >= end_of_holes)) {
            free(block);
            return blocks;
        }
        *block = blocks;
        blocks = block;
    }
}

static void give_up_small_holes(void)
{
    end_of_holes = NULL;
    void **large = fill_holes(NULL, LARGE);
    for (size_t size = LARGE / 2; size >= sizeof(void *); size /= 2) {
        fill_holes(NULL, size);
    }
    while (large != NULL) {
        void **next = *large;
        free(large);
        large = next;
    }
}

void settle(void)
{
    PyInterpreterState *interpreter = _PyInterpreterState_GET();
    _PyObject_ClearFreeLists(&interpreter->object_state.freelists, 0);
    struct _obmalloc_state *state = interpreter->obmalloc;
    for (unsigned size = 0; size < NB_SMALL_SIZE_CLASSES; size++) {
        give_up_blocks(state->pools.used, size);
    }
    give_up_pools(&state->mgmt);
    npy_empty_caches();
    give_up_small_holes();
}
