/* Inference: tensors from Python to the host's wasi-nn and back. */
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "python.h"

enum {
    RANK = 32,        /* numpy arrays have at most 64 dimensions, tensors in practice 5 */
    TENSORS = 64,     /* inputs of one model */
    TENSOR_TYPES = 7, /* of wasi-nn's tensor-type */
};

/* A model that was used. Few versions have more than one or two, so a list serves. */
struct model {
    struct model *next;
    host_handle context;
    char name[];
};

static struct model *models;

/* Raises what the host said and drops its error. */
static void *raise_host_error(host_handle error)
{
    struct host_list text;
    host_nn_error_data(error, &text);
    host_nn_error_drop(error);
    PyObject *message = PyUnicode_DecodeUTF8(text.at, (Py_ssize_t)text.count, "replace");
    if (text.count != 0) {
        free(text.at);
    }
    if (message != NULL) {
        PyErr_SetObject(PyExc_RuntimeError, message);
        Py_DECREF(message);
    }
    return NULL;
}

/* The model's execution context, made on first use. */
static struct model *model_named(PyObject *name)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(name, &length);
    if (text == NULL) {
        return NULL;
    }
    for (struct model *model = models; model != NULL; model = model->next) {
        if (strcmp(model->name, text) == 0) {
            return model;
        }
    }
    struct host_handle_result graph, context;
    host_graph_load(text, (size_t)length, &graph);
    if (graph.failed) {
        return raise_host_error(graph.handle);
    }
    host_graph_context(graph.handle, &context);
    host_graph_drop(graph.handle);
    if (context.failed) {
        return raise_host_error(context.handle);
    }
    struct model *model = malloc(sizeof *model + (size_t)length + 1);
    if (model == NULL) {
        host_context_drop(context.handle);
        PyErr_NoMemory();
        return NULL;
    }
    memcpy(model->name, text, (size_t)length + 1);
    model->context = context.handle;
    model->next = models;
    models = model;
    return model;
}

/* Copies a (name, type, shape, buffer) to the host. The name stays Python's, so the tuple must outlive the call. */
static int send(PyObject *input, struct host_named_tensor *tensor)
{
    PyObject *name, *shape;
    int type;
    Py_buffer buffer;
    if (!PyArg_ParseTuple(input, "UiO!y*", &name, &type, &PyTuple_Type, &shape, &buffer)) {
        return -1;
    }
    uint32_t dimensions[RANK];
    Py_ssize_t rank = PyTuple_GET_SIZE(shape), length;
    const char *text = PyUnicode_AsUTF8AndSize(name, &length);
    if (text == NULL || rank > RANK || type < 0 || type >= TENSOR_TYPES) {
        if (text != NULL) {
            PyErr_SetString(PyExc_ValueError, rank > RANK ? "a tensor has at most 32 dimensions" : "unknown tensor type");
        }
        goto refuse;
    }
    for (Py_ssize_t i = 0; i < rank; i++) {
        dimensions[i] = (uint32_t)PyLong_AsUnsignedLong(PyTuple_GET_ITEM(shape, i));
        if (PyErr_Occurred()) {
            goto refuse;
        }
    }
    tensor->name = (struct host_list){(void *)text, (size_t)length};
    tensor->tensor = host_tensor_new(dimensions, (size_t)rank, type, buffer.buf, (size_t)buffer.len);
    PyBuffer_Release(&buffer);
    return 0;
refuse:
    PyBuffer_Release(&buffer);
    return -1;
}

/* Takes a tensor of the host over as (name, type, shape, bytes). */
static PyObject *receive(struct host_named_tensor *tensor)
{
    struct host_list dimensions, bytes;
    host_tensor_dimensions(tensor->tensor, &dimensions);
    int32_t type = host_tensor_type(tensor->tensor);
    host_tensor_data(tensor->tensor, &bytes);
    host_tensor_drop(tensor->tensor);
    PyObject *shape = PyTuple_New((Py_ssize_t)dimensions.count);
    for (size_t i = 0; shape != NULL && i < dimensions.count; i++) {
        PyObject *dimension = PyLong_FromUnsignedLong(((uint32_t *)dimensions.at)[i]);
        if (dimension == NULL) {
            Py_CLEAR(shape);
        } else {
            PyTuple_SET_ITEM(shape, (Py_ssize_t)i, dimension);
        }
    }
    PyObject *result = NULL;
    if (shape != NULL) {
        result = Py_BuildValue("(s#iNy#)", (char *)tensor->name.at, (Py_ssize_t)tensor->name.count, (int)type, shape,
                               (char *)bytes.at, (Py_ssize_t)bytes.count);
    }
    /* An empty list has no allocation behind its address. */
    if (dimensions.count != 0) {
        free(dimensions.at);
    }
    if (bytes.count != 0) {
        free(bytes.at);
    }
    if (tensor->name.count != 0) {
        free(tensor->name.at);
    }
    return result;
}

PyObject *infer(PyObject *name, PyObject *inputs)
{
    struct model *model = model_named(name);
    PyObject *sequence = model == NULL ? NULL : PySequence_Fast(inputs, "inputs must be a sequence");
    if (sequence == NULL) {
        return NULL;
    }
    PyObject *outputs = NULL;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence), sent = 0;
    struct host_named_tensor tensors[TENSORS];
    if (count > TENSORS) {
        PyErr_SetString(PyExc_ValueError, "a model has at most 64 inputs");
        goto done;
    }
    for (; sent < count; sent++) {
        if (send(PySequence_Fast_GET_ITEM(sequence, sent), &tensors[sent]) < 0) {
            while (sent-- > 0) {
                host_tensor_drop(tensors[sent].tensor);
            }
            goto done;
        }
    }
    struct host_compute_result result;
    host_compute(model->context, tensors, (size_t)count, &result);
    if (result.failed) {
        raise_host_error(result.u.error);
        goto done;
    }
    outputs = PyList_New(0);
    for (size_t i = 0; i < result.u.outputs.count; i++) {
        /* Received even after an error, so that no handle is left behind. */
        PyObject *output = receive(&((struct host_named_tensor *)result.u.outputs.at)[i]);
        if (output == NULL || outputs == NULL || PyList_Append(outputs, output) < 0) {
            Py_CLEAR(outputs);
        }
        Py_XDECREF(output);
    }
    if (result.u.outputs.count != 0) {
        free(result.u.outputs.at);
    }
done:
    Py_DECREF(sequence);
    return outputs;
}

void infer_forget(void)
{
    while (models != NULL) {
        struct model *model = models;
        models = model->next;
        host_context_drop(model->context);
        free(model);
    }
}
