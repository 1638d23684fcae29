/* The file system of files.h. There are no folders but in the paths of files: one exists while a file lies in it. */
#include "files.h"

#include <stdlib.h>
#include <string.h>

#include "archive.h"

/* Files come from two lists, each in the order of paths as bytes, so that what lies in one folder is together. */
enum { ADDED, PACKAGES, LISTS };

static struct {
    struct file *at;
    size_t count, room;
} added;

static size_t count_of(int list)
{
    return list == ADDED ? added.count : archive_files();
}

static struct file file_of(int list, size_t index)
{
    return list == ADDED ? added.at[index] : archive_file(index);
}

/* The index of the first file of the list whose path, cut to `length`, is not before `path`. */
static size_t first_from(int list, const char *path, size_t length)
{
    size_t low = 0, high = count_of(list);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strncmp(file_of(list, middle).path, path, length) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int has_prefix(int list, size_t index, const char *prefix, size_t length)
{
    return index < count_of(list) && strncmp(file_of(list, index).path, prefix, length) == 0;
}

/* Finds the file of a normal path. */
static int find(int list, const char *path, struct file *file)
{
    size_t length = strlen(path) + 1, index = first_from(list, path, length);
    if (!has_prefix(list, index, path, length)) {
        return 0;
    }
    *file = file_of(list, index);
    return 1;
}

static int find_anywhere(const char *path, struct file *file)
{
    return find(ADDED, path, file) || find(PACKAGES, path, file);
}

/* Whether a file of the list lies below the folder; `path` has room for one more byte. */
static int is_folder_of(int list, char *path)
{
    size_t length = strlen(path);
    path[length] = '/', path[length + 1] = '\0';
    int found = has_prefix(list, first_from(list, path, length + 1), path, length + 1);
    path[length] = '\0';
    return found;
}

static int is_folder(char *path)
{
    return path[0] == '\0' || is_folder_of(ADDED, path) || is_folder_of(PACKAGES, path);
}

int32_t files_add(const char *path, const void *bytes, size_t size)
{
    size_t length = strlen(path) + 1, index = first_from(ADDED, path, length);
    if (has_prefix(ADDED, index, path, length)) {
        added.at[index].bytes = bytes;
        added.at[index].size = size;
        return __WASI_ERRNO_SUCCESS;
    }
    if (added.count == added.room) {
        size_t room = added.room == 0 ? 16 : 2 * added.room;
        struct file *at = realloc(added.at, room * sizeof *at);
        if (at == NULL) {
            return __WASI_ERRNO_NOMEM;
        }
        added.at = at, added.room = room;
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        return __WASI_ERRNO_NOMEM;
    }
    memmove(&added.at[index + 1], &added.at[index], (added.count - index) * sizeof *added.at);
    added.at[index] = (struct file){.path = copy, .bytes = bytes, .size = size};
    added.count++;
    return __WASI_ERRNO_SUCCESS;
}

/* Open files and folders. A folder has no bytes. */
struct descriptor {
    char *path; /* NULL: not open */
    const unsigned char *bytes;
    unsigned char *owned; /* what was inflated for it */
    uint64_t size, position;
};

static struct {
    struct descriptor *at;
    int32_t count;
} open_files;

static struct descriptor *opened(int32_t fd)
{
    static char nothing[2]; /* is_folder may write a slash */
    static struct descriptor root = {.path = nothing};
    if (fd == FILES_ROOT) {
        return &root;
    }
    int32_t index = fd - FILES_ROOT - 1;
    return index >= 0 && index < open_files.count && open_files.at[index].path != NULL ? &open_files.at[index] : NULL;
}

static struct descriptor *opened_file(int32_t fd, int32_t *error)
{
    struct descriptor *file = opened(fd);
    *error = file == NULL ? __WASI_ERRNO_BADF : file->bytes == NULL ? __WASI_ERRNO_ISDIR : __WASI_ERRNO_SUCCESS;
    return file;
}

/* The normal form of a path in a folder: absolute, without `.`, `..` and empty parts, and without the slash if it is the root.
 * It has room for one more byte, and the caller frees it. */
static int32_t normal_path(int32_t folder, const char *path, size_t length, char **normal)
{
    struct descriptor *base = opened(folder);
    if (base == NULL) {
        return __WASI_ERRNO_BADF;
    }
    char *out = malloc(strlen(base->path) + length + 3);
    if (out == NULL) {
        return __WASI_ERRNO_NOMEM;
    }
    strcpy(out, base->path);
    size_t end = strlen(out);
    for (size_t at = 0; at < length;) {
        const char *slash = memchr(path + at, '/', length - at);
        size_t part = slash == NULL ? length - at : (size_t)(slash - (path + at));
        if (part == 2 && memcmp(path + at, "..", 2) == 0) {
            while (end > 0 && out[--end] != '/') {
            }
        } else if (part != 0 && !(part == 1 && path[at] == '.')) {
            out[end++] = '/';
            memcpy(out + end, path + at, part);
            end += part;
        }
        at += part + 1;
    }
    out[end] = '\0';
    *normal = out;
    return __WASI_ERRNO_SUCCESS;
}

/* What a normal path leads to: a file, or a folder, whose `bytes` are NULL. */
static int32_t look_up(char *path, struct file *file)
{
    if (find_anywhere(path, file)) {
        return __WASI_ERRNO_SUCCESS;
    }
    *file = (struct file){.path = path};
    if (is_folder(path)) {
        return __WASI_ERRNO_SUCCESS;
    }
    /* A path that goes on below a file is wrong in another way than one that leads nowhere. */
    struct file above;
    for (char *slash = strrchr(path, '/'); slash != NULL && slash != path; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (find_anywhere(path, &above)) {
            return __WASI_ERRNO_NOTDIR;
        }
    }
    return __WASI_ERRNO_NOENT;
}

static int32_t free_descriptor(int32_t *fd)
{
    int32_t index = 0;
    while (index < open_files.count && open_files.at[index].path != NULL) {
        index++;
    }
    if (index == open_files.count) {
        int32_t count = open_files.count == 0 ? 8 : 2 * open_files.count;
        struct descriptor *at = realloc(open_files.at, (size_t)count * sizeof *at);
        if (at == NULL) {
            return __WASI_ERRNO_NOMEM;
        }
        memset(at + index, 0, (size_t)(count - index) * sizeof *at);
        open_files.at = at, open_files.count = count;
    }
    *fd = index + FILES_ROOT + 1;
    return __WASI_ERRNO_SUCCESS;
}

/* Opens what `path` leads to, and takes `path` over. */
static int32_t open_path(char *path, int32_t how, int32_t *fd)
{
    struct file file;
    int32_t error = look_up(path, &file);
    if (error == __WASI_ERRNO_SUCCESS && (how & __WASI_OFLAGS_DIRECTORY) != 0 && file.bytes != NULL) {
        error = __WASI_ERRNO_NOTDIR;
    }
    if (error == __WASI_ERRNO_SUCCESS) {
        error = free_descriptor(fd);
    }
    if (error != __WASI_ERRNO_SUCCESS) {
        free(path);
        return error;
    }
    struct descriptor new = {.path = path, .bytes = file.bytes, .size = file.size};
    if (file.stored != 0) {
        /* An empty file has an address too. */
        new.bytes = new.owned = malloc(file.size + 1);
        if (new.owned == NULL || !archive_inflate(&file, new.owned)) {
            error = new.owned == NULL ? __WASI_ERRNO_NOMEM : __WASI_ERRNO_IO;
            free(new.owned);
            free(path);
            return error;
        }
    }
    open_files.at[*fd - FILES_ROOT - 1] = new;
    return __WASI_ERRNO_SUCCESS;
}

int32_t files_open(int32_t folder, const char *path, size_t length, int32_t how, uint64_t rights, int32_t *fd)
{
    char *normal;
    int32_t error = normal_path(folder, path, length, &normal);
    if (error != __WASI_ERRNO_SUCCESS) {
        return error;
    }
    if ((how & (__WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC)) != 0 || (rights & __WASI_RIGHTS_FD_WRITE) != 0) {
        struct file file;
        int missing = look_up(normal, &file) != __WASI_ERRNO_SUCCESS && (how & __WASI_OFLAGS_CREAT) == 0;
        free(normal);
        return missing ? __WASI_ERRNO_NOENT : __WASI_ERRNO_ROFS;
    }
    return open_path(normal, how, fd);
}

int32_t files_duplicate(int32_t fd, int32_t *duplicate)
{
    struct descriptor *file = opened(fd);
    if (file == NULL) {
        return __WASI_ERRNO_BADF;
    }
    uint64_t position = file->position;
    char *path;
    int32_t error = normal_path(fd, "", 0, &path);
    if (error == __WASI_ERRNO_SUCCESS) {
        error = open_path(path, 0, duplicate);
    }
    if (error == __WASI_ERRNO_SUCCESS) {
        opened(*duplicate)->position = position;
    }
    return error;
}

int32_t files_close(int32_t fd)
{
    struct descriptor *file = opened(fd);
    if (file == NULL) {
        return __WASI_ERRNO_BADF;
    }
    if (fd != FILES_ROOT) {
        free(file->owned);
        free(file->path);
        *file = (struct descriptor){0};
    }
    return __WASI_ERRNO_SUCCESS;
}

int32_t files_read_at(int32_t fd, const __wasi_iovec_t *parts, uint32_t count, uint64_t offset, uint32_t *read)
{
    int32_t error;
    struct descriptor *file = opened_file(fd, &error);
    *read = 0;
    for (uint32_t i = 0; error == __WASI_ERRNO_SUCCESS && i < count && offset < file->size; i++) {
        uint64_t left = file->size - offset;
        uint32_t part = parts[i].buf_len < left ? parts[i].buf_len : (uint32_t)left;
        memcpy(parts[i].buf, file->bytes + offset, part);
        offset += part;
        *read += part;
    }
    return error;
}

int32_t files_read(int32_t fd, const __wasi_iovec_t *parts, uint32_t count, uint32_t *read)
{
    struct descriptor *file = opened(fd);
    int32_t error = files_read_at(fd, parts, count, file == NULL ? 0 : file->position, read);
    if (file != NULL) {
        file->position += *read;
    }
    return error;
}

int32_t files_seek(int32_t fd, int64_t offset, int32_t whence, uint64_t *position)
{
    int32_t error;
    struct descriptor *file = opened_file(fd, &error);
    if (error != __WASI_ERRNO_SUCCESS) {
        return error;
    }
    uint64_t from = whence == __WASI_WHENCE_CUR ? file->position : whence == __WASI_WHENCE_END ? file->size : 0;
    int64_t to;
    if (__builtin_add_overflow((int64_t)from, offset, &to) || to < 0) {
        return __WASI_ERRNO_INVAL;
    }
    *position = file->position = (uint64_t)to;
    return __WASI_ERRNO_SUCCESS;
}

/* A number that tells files apart, as inodes do: FNV-1a of the path. */
static uint64_t number_of(const char *path, size_t length, uint64_t hash)
{
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)path[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static const uint64_t NUMBER = UINT64_C(0xcbf29ce484222325);

static void fill(__wasi_filestat_t *status, const char *path, int is_file, uint64_t size)
{
    memset(status, 0, sizeof *status);
    status->ino = number_of(path, strlen(path), NUMBER);
    status->filetype = is_file ? __WASI_FILETYPE_REGULAR_FILE : __WASI_FILETYPE_DIRECTORY;
    status->nlink = 1;
    status->size = size;
}

int32_t files_status(int32_t fd, __wasi_filestat_t *status)
{
    struct descriptor *file = opened(fd);
    if (file == NULL) {
        return __WASI_ERRNO_BADF;
    }
    fill(status, file->path, file->bytes != NULL, file->size);
    return __WASI_ERRNO_SUCCESS;
}

int32_t files_status_of(int32_t folder, const char *path, size_t length, __wasi_filestat_t *status)
{
    char *normal;
    int32_t error = normal_path(folder, path, length, &normal);
    if (error != __WASI_ERRNO_SUCCESS) {
        return error;
    }
    struct file file;
    error = look_up(normal, &file);
    if (error == __WASI_ERRNO_SUCCESS) {
        fill(status, file.path, file.bytes != NULL, file.size);
    }
    free(normal);
    return error;
}

/* Appends an entry as far as there is room; false if it was cut off. */
static int put(uint8_t *entries, uint32_t length, uint32_t *used, const __wasi_dirent_t *entry, const char *name)
{
    const void *parts[] = {entry, name};
    const uint32_t sizes[] = {sizeof *entry, entry->d_namlen};
    for (int i = 0; i < 2; i++) {
        uint32_t room = length - *used, size = sizes[i] < room ? sizes[i] : room;
        memcpy(entries + *used, parts[i], size);
        *used += size;
        if (size < sizes[i]) {
            return 0;
        }
    }
    return 1;
}

int32_t files_list(int32_t fd, uint8_t *entries, uint32_t length, uint64_t from, uint32_t *used)
{
    *used = 0;
    struct descriptor *folder = opened(fd);
    if (folder == NULL || folder->bytes != NULL) {
        return folder == NULL ? __WASI_ERRNO_BADF : __WASI_ERRNO_NOTDIR;
    }
    char *path = folder->path;
    size_t prefix = strlen(path) + 1;
    path[prefix - 1] = '/', path[prefix] = '\0';
    uint64_t number = 0;
    int fits = 1;
    for (int list = 0; list < LISTS; list++) {
        size_t index = first_from(list, path, prefix);
        while (fits && has_prefix(list, index, path, prefix)) {
            struct file file = file_of(list, index);
            size_t name = strcspn(file.path + prefix, "/");
            /* With what follows the name: the slash of a folder, in which more files may lie, or the end. */
            size_t whole = prefix + name + 1;
            while (has_prefix(list, index, file.path, whole)) {
                index++;
            }
            if (list != ADDED && has_prefix(ADDED, first_from(ADDED, file.path, whole), file.path, whole)) {
                continue;
            }
            const __wasi_dirent_t entry = {
                .d_next = ++number,
                .d_ino = number_of(file.path, prefix + name, NUMBER),
                .d_namlen = (uint32_t)name,
                .d_type = file.path[whole - 1] == '/' ? __WASI_FILETYPE_DIRECTORY : __WASI_FILETYPE_REGULAR_FILE,
            };
            fits = number <= from || put(entries, length, used, &entry, file.path + prefix);
        }
    }
    path[prefix - 1] = '\0';
    return __WASI_ERRNO_SUCCESS;
}
