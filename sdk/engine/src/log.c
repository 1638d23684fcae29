#include "log.h"

#include "host.h"

/* blocking-write-and-flush refuses more. */
enum { CHUNK = 4096 };

static host_handle stream;

void log_write(const void *bytes, size_t length)
{
    const char *at = bytes;
    if (length != 0 && stream == 0) {
        stream = host_stderr();
    }
    while (length != 0) {
        size_t part = length < CHUNK ? length : CHUNK;
        struct host_stream_result result;
        host_stream_write(stream, at, part, &result);
        if (result.failed) {
            if (result.why.kind == 0) {
                host_io_error_drop(result.why.error);
            }
            return;
        }
        at += part;
        length -= part;
    }
}

void log_forget(void)
{
    if (stream != 0) {
        host_stream_drop(stream);
        stream = 0;
    }
}
