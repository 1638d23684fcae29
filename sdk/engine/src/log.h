/* The host's standard error: the one stream the engine writes to. */
#ifndef TITAN_LOG_H
#define TITAN_LOG_H

#include <stddef.h>

/* Writes all of it, or drops what a broken stream would not take: nothing can be done about a lost log line. */
void log_write(const void *bytes, size_t length);

/* Gives the stream's handle back, so that memory copied into another instance names none. */
void log_forget(void);

#endif
