/* A read-only file system in memory: files that the state brought, and data files of the engine's packages.
 *
 * All there is lies in linear memory, open descriptors too, so a heap image holds them as they are and a descriptor that was
 * opened before the freeze still reads on. It must not know of Python, of the standard streams, or of what the files are for.
 *
 * Functions return an error number of WASI preview 1; paths are relative to a folder's descriptor, as there. */
#ifndef TITAN_FILES_H
#define TITAN_FILES_H

#include <stddef.h>
#include <wasi/api.h>

/* The descriptor of the root folder, which is always open. Those of files are larger. */
enum { FILES_ROOT = 3 };

/* Adds a file of the absolute, normal `path`, in place of one that was added before. The bytes are kept where they are. */
int32_t files_add(const char *path, const void *bytes, size_t size);

int32_t files_open(int32_t folder, const char *path, size_t length, int32_t how, uint64_t rights, int32_t *fd);
int32_t files_close(int32_t fd);
/* Opens once more what a descriptor is of. The two have positions of their own, which begin alike. */
int32_t files_duplicate(int32_t fd, int32_t *duplicate);
int32_t files_read(int32_t fd, const __wasi_iovec_t *parts, uint32_t count, uint32_t *read);
int32_t files_read_at(int32_t fd, const __wasi_iovec_t *parts, uint32_t count, uint64_t offset, uint32_t *read);
int32_t files_seek(int32_t fd, int64_t offset, int32_t whence, uint64_t *position);
int32_t files_status(int32_t fd, __wasi_filestat_t *status);
int32_t files_status_of(int32_t folder, const char *path, size_t length, __wasi_filestat_t *status);
/* Fills `entries` with the folder's, from the one whose number is `from`; the last may be cut off. */
int32_t files_list(int32_t fd, uint8_t *entries, uint32_t length, uint64_t from, uint32_t *used);

#endif
