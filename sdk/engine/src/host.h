/* The functions a host gives the engine, in the canonical ABI's flat form (WIT: sdk/wit).
 *
 * Every import of the engine stands here and nowhere else. Records and variants a host writes have the layout
 * of a 32-bit C struct; lists and strings it writes lie in memory from cabi_realloc and belong to the engine. */
#ifndef TITAN_HOST_H
#define TITAN_HOST_H

#include <stddef.h>
#include <stdint.h>

#define HOST(interface, function) __attribute__((import_module(interface), import_name(function)))

/* An index into the instance's handle table; 0 is never one. */
typedef int32_t host_handle;

/* list<u8>, string, and the other lists: an address and a number of elements. */
struct host_list {
    void *at;
    size_t count;
};

struct host_datetime {
    uint64_t seconds; /* since 1970-01-01 UTC */
    uint32_t nanoseconds;
};

/* result<T, E> where both sides are handles. */
struct host_handle_result {
    uint8_t failed;
    host_handle handle; /* of T, or of E when failed */
};

/* result<_, stream-error> */
struct host_stream_result {
    uint8_t failed;
    struct {
        uint8_t kind; /* 0: last-operation-failed, which carries a handle; 1: closed */
        host_handle error;
    } why;
};

/* tuple<string, tensor>; the tensor is owned. */
struct host_named_tensor {
    struct host_list name;
    host_handle tensor;
};

/* result<list<named-tensor>, error> */
struct host_compute_result {
    uint8_t failed;
    union {
        struct host_list outputs; /* of struct host_named_tensor */
        host_handle error;
    } u;
};

HOST("wasi:clocks/wall-clock@0.2.0", "now") void host_wall_clock_now(struct host_datetime *);

#define MONOTONIC "wasi:clocks/monotonic-clock@0.2.0"
HOST(MONOTONIC, "now") uint64_t host_monotonic_now(void);                           /* nanoseconds */
HOST(MONOTONIC, "subscribe-duration") host_handle host_monotonic_subscribe(uint64_t); /* nanoseconds -> pollable */

#define POLL "wasi:io/poll@0.2.0"
HOST(POLL, "[method]pollable.block") void host_pollable_block(host_handle);
HOST(POLL, "[resource-drop]pollable") void host_pollable_drop(host_handle);

HOST("wasi:random/random@0.2.0", "get-random-u64") uint64_t host_random_u64(void);

HOST("wasi:cli/stderr@0.2.0", "get-stderr") host_handle host_stderr(void);

#define STREAMS "wasi:io/streams@0.2.0"
/* At most 4096 bytes a call. */
HOST(STREAMS, "[method]output-stream.blocking-write-and-flush")
void host_stream_write(host_handle, const void *bytes, size_t length, struct host_stream_result *);
HOST(STREAMS, "[resource-drop]output-stream") void host_stream_drop(host_handle);
HOST("wasi:io/error@0.2.0", "[resource-drop]error") void host_io_error_drop(host_handle);

#define GRAPH "wasi:nn/graph@0.2.0-rc-2024-10-28"
HOST(GRAPH, "load-by-name") void host_graph_load(const char *name, size_t length, struct host_handle_result *);
HOST(GRAPH, "[method]graph.init-execution-context")
void host_graph_context(host_handle graph, struct host_handle_result *);
HOST(GRAPH, "[resource-drop]graph") void host_graph_drop(host_handle);

#define TENSOR "wasi:nn/tensor@0.2.0-rc-2024-10-28"
HOST(TENSOR, "[constructor]tensor")
host_handle host_tensor_new(const uint32_t *dimensions, size_t rank, int32_t type, const void *data, size_t length);
HOST(TENSOR, "[method]tensor.dimensions") void host_tensor_dimensions(host_handle, struct host_list *);
HOST(TENSOR, "[method]tensor.ty") int32_t host_tensor_type(host_handle);
HOST(TENSOR, "[method]tensor.data") void host_tensor_data(host_handle, struct host_list *);
HOST(TENSOR, "[resource-drop]tensor") void host_tensor_drop(host_handle);

#define INFERENCE "wasi:nn/inference@0.2.0-rc-2024-10-28"
/* Takes the tensors of its inputs, whatever comes of them. */
HOST(INFERENCE, "[method]graph-execution-context.compute")
void host_compute(host_handle context, const struct host_named_tensor *, size_t count, struct host_compute_result *);
HOST(INFERENCE, "[resource-drop]graph-execution-context") void host_context_drop(host_handle);

#define NN_ERRORS "wasi:nn/errors@0.2.0-rc-2024-10-28"
HOST(NN_ERRORS, "[method]error.data") void host_nn_error_data(host_handle, struct host_list *);
HOST(NN_ERRORS, "[resource-drop]error") void host_nn_error_drop(host_handle);

#endif
