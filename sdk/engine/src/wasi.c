/* What wasi-libc asks of its operating system, answered by the host's component interfaces or refused.
 *
 * wasi-libc calls WASI preview 1 through symbols named __imported_wasi_snapshot_preview1_*. Defined here, they
 * link to these functions and the module imports nothing of preview 1. The system they describe has a clock,
 * entropy, standard output and error (both are the host's log), an empty standard input, and the read-only file system of
 * files.c; it has no sockets, no processes and no environment. Prototypes: <wasi/api.h>. */
#include <string.h>
#include <wasi/api.h>

#include "files.h"
#include "host.h"
#include "log.h"

#define SYSCALL(name) __imported_wasi_snapshot_preview1_##name
#define NANOSECONDS UINT64_C(1000000000)

enum { STDIN = 0, STDOUT = 1, STDERR = 2 };

static int is_output(int32_t fd)
{
    return fd == STDOUT || fd == STDERR;
}

static int is_standard(int32_t fd)
{
    return fd == STDIN || is_output(fd);
}

/* Clocks. CPU time is not metered for the guest, so its clocks tell elapsed time. */

static uint64_t clock_now(int32_t clock)
{
    if (clock == __WASI_CLOCKID_REALTIME) {
        struct host_datetime now;
        host_wall_clock_now(&now);
        return now.seconds * NANOSECONDS + now.nanoseconds;
    }
    return host_monotonic_now();
}

int32_t SYSCALL(clock_res_get)(int32_t clock, uint64_t *resolution)
{
    (void)clock;
    *resolution = 1;
    return __WASI_ERRNO_SUCCESS;
}

int32_t SYSCALL(clock_time_get)(int32_t clock, int64_t precision, uint64_t *now)
{
    (void)precision;
    *now = clock_now(clock);
    return __WASI_ERRNO_SUCCESS;
}

static uint64_t time_left(const __wasi_subscription_clock_t *clock)
{
    if ((clock->flags & __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME) == 0) {
        return clock->timeout;
    }
    uint64_t now = clock_now((int32_t)clock->id);
    return clock->timeout > now ? clock->timeout - now : 0;
}

/* Files are always ready, so only a poll of clocks alone sleeps, and until the earliest of them. */
int32_t SYSCALL(poll_oneoff)(const __wasi_subscription_t *asked, __wasi_event_t *events, int32_t count, uint32_t *happened)
{
    if (count == 0) {
        return __WASI_ERRNO_INVAL;
    }
    uint64_t wait = UINT64_MAX;
    int files = 0;
    for (int32_t i = 0; i < count; i++) {
        if (asked[i].u.tag != __WASI_EVENTTYPE_CLOCK) {
            files = 1;
        } else {
            uint64_t left = time_left(&asked[i].u.u.clock);
            wait = left < wait ? left : wait;
        }
    }
    if (!files && wait != 0) {
        host_handle timer = host_monotonic_subscribe(wait);
        host_pollable_block(timer);
        host_pollable_drop(timer);
    }
    uint32_t ready = 0;
    for (int32_t i = 0; i < count; i++) {
        int clock = asked[i].u.tag == __WASI_EVENTTYPE_CLOCK;
        if (clock == files) {
            continue;
        }
        /* The clock that was waited for has come by now, and so has any other due within the same wait. */
        if (clock && time_left(&asked[i].u.u.clock) > wait) {
            continue;
        }
        memset(&events[ready], 0, sizeof events[ready]);
        events[ready].userdata = asked[i].userdata;
        events[ready].type = asked[i].u.tag;
        ready++;
    }
    *happened = ready;
    return __WASI_ERRNO_SUCCESS;
}

int32_t SYSCALL(sched_yield)(void)
{
    return __WASI_ERRNO_SUCCESS;
}

/* Entropy. */

int32_t SYSCALL(random_get)(uint8_t *bytes, uint32_t length)
{
    while (length != 0) {
        uint64_t word = host_random_u64();
        uint32_t part = length < sizeof word ? length : sizeof word;
        memcpy(bytes, &word, part);
        bytes += part;
        length -= part;
    }
    return __WASI_ERRNO_SUCCESS;
}

/* The process: it has no arguments and no environment, and ends only by a trap. */

int32_t SYSCALL(args_get)(uint8_t **arguments, uint8_t *bytes)
{
    (void)arguments, (void)bytes;
    return __WASI_ERRNO_SUCCESS;
}

int32_t SYSCALL(args_sizes_get)(uint32_t *count, uint32_t *bytes)
{
    *count = *bytes = 0;
    return __WASI_ERRNO_SUCCESS;
}

int32_t SYSCALL(environ_get)(uint8_t **variables, uint8_t *bytes)
{
    (void)variables, (void)bytes;
    return __WASI_ERRNO_SUCCESS;
}

int32_t SYSCALL(environ_sizes_get)(uint32_t *count, uint32_t *bytes)
{
    *count = *bytes = 0;
    return __WASI_ERRNO_SUCCESS;
}

_Noreturn void SYSCALL(proc_exit)(int32_t status)
{
    (void)status;
    __builtin_trap();
}

/* Open files: the three standard ones, and those of the file system. */

int32_t SYSCALL(fd_write)(int32_t fd, const __wasi_ciovec_t *parts, uint32_t count, uint32_t *written)
{
    if (!is_output(fd)) {
        return __WASI_ERRNO_BADF;
    }
    *written = 0;
    for (uint32_t i = 0; i < count; i++) {
        log_write(parts[i].buf, parts[i].buf_len);
        *written += parts[i].buf_len;
    }
    return __WASI_ERRNO_SUCCESS;
}

int32_t SYSCALL(fd_read)(int32_t fd, const __wasi_iovec_t *parts, uint32_t count, uint32_t *read)
{
    if (!is_standard(fd)) {
        return files_read(fd, parts, count, read);
    }
    *read = 0;
    return fd == STDIN ? __WASI_ERRNO_SUCCESS : __WASI_ERRNO_BADF;
}

int32_t SYSCALL(fd_pread)(int32_t fd, const __wasi_iovec_t *parts, uint32_t count, int64_t offset, uint32_t *read)
{
    return is_standard(fd) ? __WASI_ERRNO_SPIPE : files_read_at(fd, parts, count, (uint64_t)offset, read);
}

int32_t SYSCALL(fd_close)(int32_t fd)
{
    return is_standard(fd) ? __WASI_ERRNO_SUCCESS : files_close(fd);
}

int32_t SYSCALL(fd_seek)(int32_t fd, int64_t offset, int32_t whence, uint64_t *position)
{
    return is_standard(fd) ? __WASI_ERRNO_SPIPE : files_seek(fd, offset, whence, position);
}

int32_t SYSCALL(fd_tell)(int32_t fd, uint64_t *position)
{
    return SYSCALL(fd_seek)(fd, 0, __WASI_WHENCE_CUR, position);
}

int32_t SYSCALL(fd_filestat_get)(int32_t fd, __wasi_filestat_t *status)
{
    if (!is_standard(fd)) {
        return files_status(fd, status);
    }
    memset(status, 0, sizeof *status);
    status->filetype = __WASI_FILETYPE_UNKNOWN;
    return __WASI_ERRNO_SUCCESS;
}

int32_t SYSCALL(fd_fdstat_get)(int32_t fd, __wasi_fdstat_t *status)
{
    __wasi_filestat_t file;
    int32_t error = SYSCALL(fd_filestat_get)(fd, &file);
    memset(status, 0, sizeof *status);
    /* All rights, so that whoever asks to write is told that this is a read-only file system. */
    status->fs_rights_base = status->fs_rights_inheriting = UINT64_MAX;
    status->fs_filetype = error == __WASI_ERRNO_SUCCESS ? file.filetype : __WASI_FILETYPE_UNKNOWN;
    return error;
}

/* Buffering and blocking make no difference to what is in memory. */
int32_t SYSCALL(fd_fdstat_set_flags)(int32_t fd, int32_t flags)
{
    (void)flags;
    __wasi_filestat_t file;
    return SYSCALL(fd_filestat_get)(fd, &file);
}

static const char ROOT_NAME[] = "/";

int32_t SYSCALL(fd_prestat_get)(int32_t fd, __wasi_prestat_t *status)
{
    if (fd != FILES_ROOT) {
        return __WASI_ERRNO_BADF;
    }
    status->tag = __WASI_PREOPENTYPE_DIR;
    status->u.dir.pr_name_len = sizeof ROOT_NAME - 1;
    return __WASI_ERRNO_SUCCESS;
}

int32_t SYSCALL(fd_prestat_dir_name)(int32_t fd, uint8_t *name, uint32_t length)
{
    if (fd != FILES_ROOT || length < sizeof ROOT_NAME - 1) {
        return __WASI_ERRNO_BADF;
    }
    memcpy(name, ROOT_NAME, sizeof ROOT_NAME - 1);
    return __WASI_ERRNO_SUCCESS;
}

int32_t SYSCALL(fd_readdir)(int32_t fd, uint8_t *entries, uint32_t length, int64_t from, uint32_t *used)
{
    return files_list(fd, entries, length, (uint64_t)from, used);
}

int32_t SYSCALL(path_open)(int32_t folder, int32_t lookup, const char *path, uint32_t length, int32_t how,
                           int64_t rights, int64_t inherited, int32_t flags, int32_t *fd)
{
    (void)lookup, (void)inherited, (void)flags;
    return files_open(folder, path, length, how, (uint64_t)rights, fd);
}

int32_t SYSCALL(path_filestat_get)(int32_t folder, int32_t lookup, const char *path, uint32_t length, __wasi_filestat_t *status)
{
    (void)lookup;
    return files_status_of(folder, path, length, status);
}

/* What changes or resolves a path finds nothing, or may not: nothing can be written, and there are no links. */
static int32_t refuse(int32_t folder, const char *path, uint32_t length, int32_t error)
{
    __wasi_filestat_t status;
    int32_t found = files_status_of(folder, path, length, &status);
    return found == __WASI_ERRNO_SUCCESS ? error : found;
}

int32_t SYSCALL(path_create_directory)(int32_t folder, const char *path, uint32_t length)
{
    int32_t error = refuse(folder, path, length, __WASI_ERRNO_EXIST);
    return error == __WASI_ERRNO_NOENT ? __WASI_ERRNO_ROFS : error;
}

int32_t SYSCALL(path_readlink)(int32_t folder, const char *path, uint32_t length, uint8_t *to, uint32_t room, uint32_t *used)
{
    (void)to, (void)room, (void)used;
    return refuse(folder, path, length, __WASI_ERRNO_INVAL);
}

int32_t SYSCALL(path_remove_directory)(int32_t folder, const char *path, uint32_t length)
{
    return refuse(folder, path, length, __WASI_ERRNO_ROFS);
}

int32_t SYSCALL(path_unlink_file)(int32_t folder, const char *path, uint32_t length)
{
    return refuse(folder, path, length, __WASI_ERRNO_ROFS);
}

int32_t SYSCALL(path_rename)(int32_t folder, const char *path, uint32_t length, int32_t to, const char *name, uint32_t name_length)
{
    (void)to, (void)name, (void)name_length;
    return refuse(folder, path, length, __WASI_ERRNO_ROFS);
}

/* Everything else fails the same way whatever it is asked. The parameter types are those of the flat ABI. */
#define REFUSE(name, errno, ...) \
    int32_t SYSCALL(name)(__VA_ARGS__) { return __WASI_ERRNO_##errno; }

REFUSE(fd_advise, SUCCESS, int32_t, int64_t, int64_t, int32_t)
REFUSE(fd_allocate, BADF, int32_t, int64_t, int64_t)
REFUSE(fd_datasync, BADF, int32_t)
REFUSE(fd_fdstat_set_rights, BADF, int32_t, int64_t, int64_t)
REFUSE(fd_filestat_set_size, BADF, int32_t, int64_t)
REFUSE(fd_filestat_set_times, BADF, int32_t, int64_t, int64_t, int32_t)
REFUSE(fd_pwrite, BADF, int32_t, int32_t, int32_t, int64_t, int32_t)
REFUSE(fd_renumber, BADF, int32_t, int32_t)
REFUSE(fd_sync, BADF, int32_t)
REFUSE(path_filestat_set_times, ROFS, int32_t, int32_t, int32_t, int32_t, int64_t, int64_t, int32_t)
REFUSE(path_link, NOENT, int32_t, int32_t, int32_t, int32_t, int32_t, int32_t, int32_t)
REFUSE(path_symlink, ROFS, int32_t, int32_t, int32_t, int32_t, int32_t)
REFUSE(sock_accept, BADF, int32_t, int32_t, int32_t)
REFUSE(sock_recv, BADF, int32_t, int32_t, int32_t, int32_t, int32_t, int32_t)
REFUSE(sock_send, BADF, int32_t, int32_t, int32_t, int32_t, int32_t)
REFUSE(sock_shutdown, BADF, int32_t, int32_t)
