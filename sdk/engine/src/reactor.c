/* The engine's exports: its life cycle and its calls, in the canonical ABI's flat form (WIT: sdk/wit).
 *
 * A heap image is made by titan_boot and titan_freeze; a version's instances then see titan_call alone. When an export has returned
 * and titan_return has run, memory is the whole state: nothing is on the stack, no handle of the host is kept after
 * titan_freeze. */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "python.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

struct text {
    const char *at;
    size_t length;
};

/* tuple<string, string> */
struct header {
    struct text name, value;
};

/* result<_, string> */
struct outcome {
    uint8_t failed;
    struct text message;
};

/* result<response, failure> */
struct answer {
    uint8_t failed;
    union {
        struct {
            uint16_t status;
            struct {
                struct header *at;
                size_t count;
            } headers;
            struct text body;
        } response;
        struct {
            struct text error, traceback;
        } failure;
    } u;
};

_Static_assert(offsetof(struct answer, u.response.headers) == 8, "the canonical ABI's layout");
_Static_assert(offsetof(struct answer, u.response.body) == 16, "the canonical ABI's layout");
_Static_assert(offsetof(struct answer, u.failure.error) == 4, "the canonical ABI's layout");

/* One call is active at a time, so its result needs no allocation. What it points into is `held`. */
static struct outcome outcome;
static struct answer answer;
static PyObject *held;

/* serve.call, looked up once. */
static PyObject *serve_call;

/* Constructors and the preparation of libc, from wasi-libc's reactor start file. */
void _initialize(void);

static struct outcome *succeed(void)
{
    outcome = (struct outcome){0};
    return &outcome;
}

static struct outcome *fail_with(const char *message)
{
    outcome = (struct outcome){1, {message, strlen(message)}};
    return &outcome;
}

/* Turns the exception that is set into a failed outcome with its last line. The traceback goes to the log. */
static struct outcome *fail(void)
{
    PyObject *exception = PyErr_GetRaisedException();
    if (exception == NULL) {
        return fail_with("the engine failed without an exception");
    }
    PyErr_DisplayException(exception);
    PyObject *name = PyType_GetName(Py_TYPE(exception));
    held = name == NULL ? NULL : PyUnicode_FromFormat("%U: %S", name, exception);
    Py_XDECREF(name);
    Py_DECREF(exception);
    Py_ssize_t length;
    const char *message = held == NULL ? NULL : PyUnicode_AsUTF8AndSize(held, &length);
    if (message == NULL) {
        PyErr_Clear();
        return fail_with("an exception that cannot be shown");
    }
    outcome = (struct outcome){1, {message, (size_t)length}};
    return &outcome;
}

/* Calls `function` of `module` with one argument, or none for NULL, which it takes over. False with an exception set. */
static int call(const char *module, const char *function, PyObject *argument)
{
    PyObject *imported = PyImport_ImportModule(module);
    PyObject *callable = imported == NULL ? NULL : PyObject_GetAttrString(imported, function);
    PyObject *result = callable == NULL ? NULL : PyObject_CallFunctionObjArgs(callable, argument, NULL);
    Py_XDECREF(imported);
    Py_XDECREF(callable);
    Py_XDECREF(argument);
    Py_XDECREF(result);
    return result != NULL;
}

static PyStatus start_python(void)
{
    archive_register_frozen();
    if (!modules_register()) {
        return PyStatus_NoMemory();
    }
    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    PyStatus status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status)) {
        return status;
    }
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    /* Objects of the heap image are hashed with this seed, so every instance must have it. Bounds on a request's size and
     * time answer collision attacks. */
    config.use_hash_seed = 1;
    config.hash_seed = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config.install_signal_handlers = 0;
    config.pathconfig_warnings = 0;
    /* What is written to the log must not wait in a buffer that nobody flushes. */
    config.buffered_stdio = 0;
    /* Python's files are in the archive. Everything that would be searched for on disk is given. */
    config.module_search_paths_set = 1;
    status = PyStatus_Ok();
    const struct {
        wchar_t **at;
        const wchar_t *value;
    } given[] = {
        {&config.program_name, L"python"}, {&config.executable, L""},  {&config.base_executable, L""},
        {&config.home, L"/"},              {&config.prefix, L"/"},     {&config.base_prefix, L"/"},
        {&config.exec_prefix, L"/"},       {&config.base_exec_prefix, L"/"}, {&config.stdlib_dir, L"/lib/python3.13"},
    };
    for (size_t i = 0; i < sizeof given / sizeof given[0] && !PyStatus_Exception(status); i++) {
        status = PyConfig_SetString(&config, given[i].at, given[i].value);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    return status;
}

/* Zeroes the stack below the caller, where deeper calls left their bytes: zeros take no place in a heap image. */
static __attribute__((noinline)) void clear_stack(void)
{
    extern char __stack_low;
    /* What memset itself and this function may have on the stack. */
    enum { OWN = 4096 };
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), low = (uintptr_t)&__stack_low;
    if (here > low + OWN) {
        /* The stack may begin at address zero, which the compiler takes for no address at all. */
        void *volatile first = (void *)low;
        memset(first, 0, here - OWN - low);
    }
}

struct outcome *EXPORT(titan_boot)(void)
{
    _initialize();
    PyStatus status = start_python();
    if (PyStatus_Exception(status)) {
        return fail_with(status.err_msg == NULL ? "Python does not start" : status.err_msg);
    }
    if (!call("titan_importer", "install", NULL) || !call("titan.serve", "boot", NULL) || !call("gc", "collect", NULL)) {
        return fail();
    }
    log_forget();
    clear_stack();
    return succeed();
}

/* Hands the state to titan.serve and wipes both copies of it: it may be most of memory. False with an exception set. */
static int thaw(char *state, size_t length)
{
    PyObject *bytes = PyBytes_FromStringAndSize(state, (Py_ssize_t)length);
    if (length != 0) {
        memset(state, 0, length);
        free(state);
    }
    int done = bytes != NULL && call("titan.serve", "thaw", Py_NewRef(bytes));
    if (bytes != NULL && Py_REFCNT(bytes) == 1) {
        memset(PyBytes_AS_STRING(bytes), 0, length);
    }
    Py_XDECREF(bytes);
    return done;
}

struct outcome *EXPORT(titan_freeze)(char *state, size_t length)
{
    /* What the flags mean says titan/state.py. */
    int still = length != 0 && (state[0] & 2) != 0;
    if (!thaw(state, length)) {
        return fail();
    }
    PyGC_Collect();
    if (!call("titan.serve", "warm", NULL)) {
        return fail();
    }
    /* The warm-up opened these; a new instance has no handles. */
    infer_forget();
    log_forget();
    if (!call("titan.renew", "mark", NULL) || immortalise(still) < 0 || !call("gc", "freeze", NULL)) {
        return fail();
    }
    PyObject *serve = PyImport_ImportModule("titan.serve");
    serve_call = serve == NULL ? NULL : PyObject_GetAttrString(serve, "call");
    Py_XDECREF(serve);
    if (serve_call == NULL) {
        return fail();
    }
    settle();
    clear_stack();
    return succeed();
}

/* The address of a str's UTF-8 or of bytes; false with an exception for anything else. */
static int text_of(PyObject *object, struct text *text)
{
    Py_ssize_t length;
    if (PyBytes_Check(object)) {
        *text = (struct text){PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object)};
        return 1;
    }
    text->at = PyUnicode_AsUTF8AndSize(object, &length);
    text->length = text->at == NULL ? 0 : (size_t)length;
    return text->at != NULL;
}

static int respond(PyObject *status, PyObject *headers, PyObject *body)
{
    long code = PyLong_AsLong(status);
    if (PyErr_Occurred() || !PyList_Check(headers) || !text_of(body, &answer.u.response.body)) {
        return 0;
    }
    answer.u.response.status = (uint16_t)code;
    Py_ssize_t count = PyList_GET_SIZE(headers);
    struct header *array = count == 0 ? NULL : malloc((size_t)count * sizeof *array);
    if (count != 0 && array == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    answer.u.response.headers.at = array;
    answer.u.response.headers.count = (size_t)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name, *value;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(headers, i), "UU", &name, &value) || !text_of(name, &array[i].name)
            || !text_of(value, &array[i].value)) {
            free(array);
            return 0;
        }
    }
    return 1;
}

/* Reads what serve.call returned, which `held` keeps alive: (status, headers, body) or (error, traceback). */
static int read_answer(PyObject *result)
{
    answer = (struct answer){0};
    if (PyTuple_Check(result) && PyTuple_GET_SIZE(result) == 3) {
        return respond(PyTuple_GET_ITEM(result, 0), PyTuple_GET_ITEM(result, 1), PyTuple_GET_ITEM(result, 2));
    }
    answer.failed = 1;
    return PyTuple_Check(result) && PyTuple_GET_SIZE(result) == 2
        && text_of(PyTuple_GET_ITEM(result, 0), &answer.u.failure.error)
        && text_of(PyTuple_GET_ITEM(result, 1), &answer.u.failure.traceback);
}

struct answer *EXPORT(titan_call)(int32_t endpoint, char *request, size_t length)
{
    PyObject *arguments[] = {PyLong_FromLong(endpoint), PyUnicode_DecodeUTF8(request, (Py_ssize_t)length, NULL)};
    if (length != 0) {
        free(request);
    }
    if (arguments[0] != NULL && arguments[1] != NULL) {
        held = PyObject_Vectorcall(serve_call, arguments, 2, NULL);
    }
    Py_XDECREF(arguments[0]);
    Py_XDECREF(arguments[1]);
    if (held == NULL || !read_answer(held)) {
        /* serve.call answers every exception of a handler itself; this is memory running out, or a fault of the engine. */
        Py_CLEAR(held);
        struct text message = fail()->message;
        answer = (struct answer){.failed = 1, .u.failure = {message, message}};
    }
    return &answer;
}

/* Post-return of all of the above: frees what the result holds. */
void EXPORT(titan_return)(void *result)
{
    if (result == &answer && !answer.failed) {
        free(answer.u.response.headers.at);
    }
    answer = (struct answer){0};
    Py_CLEAR(held);
}
