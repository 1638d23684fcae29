/* The files in the engine's archive, without Python (archive.c). */
#ifndef TITAN_ARCHIVE_H
#define TITAN_ARCHIVE_H

#include <stddef.h>

/* A file in memory. Its bytes are compressed if `stored` is how many they then are, and not 0. */
struct file {
    const char *path;
    const unsigned char *bytes;
    size_t stored, size;
};

/* How many data files of packages there are, and each of them, in the order of their paths as bytes. */
size_t archive_files(void);
struct file archive_file(size_t index);

/* Puts the `size` bytes of a compressed file at `to`; false if they are damaged. */
int archive_inflate(const struct file *file, void *to);

#endif
