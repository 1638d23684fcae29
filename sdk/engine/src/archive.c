/* The Python files of the engine, in memory: names, and their code marshalled and compressed.
 *
 * build/archive.py writes the three files included here. Sizes are checked against what inflates, so a damaged
 * archive is an ImportError and never a wild pointer. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "archive.h"
#include "python.h"

/* A module, or a data file, whose name is an absolute path. */
struct entry {
    const char *name;
    unsigned offset; /* into `data` */
    unsigned stored; /* bytes compressed */
    unsigned size;   /* bytes of marshalled code, or of the file */
    int package;
};

/* Sorted by name. */
static const struct entry entries[] = {
#include "archive_entries.inc"
};

static const unsigned char data[] = {
#embed "archive_data.bin"
};

enum { COUNT = sizeof entries / sizeof entries[0] };

static int compare(const void *name, const void *entry)
{
    return strcmp(name, ((const struct entry *)entry)->name);
}

static struct file file_of(const struct entry *entry)
{
    return (struct file){entry->name, data + entry->offset, entry->stored, entry->size};
}

int archive_inflate(const struct file *file, void *to)
{
    uLongf size = file->size;
    return uncompress(to, &size, file->bytes, file->stored) == Z_OK && size == file->size;
}

size_t archive_files(void)
{
    /* A slash is before every letter of a module's name. */
    size_t low = 0, high = COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].name[0] == '/') {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct file archive_file(size_t index)
{
    return file_of(&entries[index]);
}

PyObject *archive_find(PyObject *name)
{
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL) {
        return NULL;
    }
    const struct entry *entry = bsearch(text, entries, COUNT, sizeof entries[0], compare);
    if (entry == NULL) {
        Py_RETURN_NONE;
    }
    PyObject *code = PyBytes_FromStringAndSize(NULL, entry->size);
    if (code == NULL) {
        return NULL;
    }
    const struct file file = file_of(entry);
    if (!archive_inflate(&file, PyBytes_AS_STRING(code))) {
        Py_DECREF(code);
        return PyErr_Format(PyExc_ImportError, "module %s does not inflate", text);
    }
    return Py_BuildValue("(NN)", PyBool_FromLong(entry->package), code);
}

PyObject *archive_names(void)
{
    PyObject *names = PyFrozenSet_New(NULL);
    for (size_t i = archive_files(); names != NULL && i < COUNT; i++) {
        PyObject *name = PyUnicode_FromString(entries[i].name);
        if (name == NULL || PySet_Add(names, name) < 0) {
            Py_CLEAR(names);
        }
        Py_XDECREF(name);
    }
    return names;
}

/* Python looks its codecs up before any importer of ours can run. */
#include "archive_frozen.inc"

void archive_register_frozen(void)
{
    PyImport_FrozenModules = frozen;
}
