/* The Python files of the engine, in memory: names, and their code marshalled and compressed.
 *
 * build/archive.py writes the three files included here. Sizes are checked against what inflates, so a damaged
 * archive is an ImportError and never a wild pointer. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "python.h"

struct entry {
    const char *name;
    unsigned offset; /* into `data` */
    unsigned stored; /* bytes compressed */
    unsigned size;   /* bytes of marshalled code */
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
    uLongf size = entry->size;
    if (uncompress((Bytef *)PyBytes_AS_STRING(code), &size, data + entry->offset, entry->stored) != Z_OK || size != entry->size) {
        Py_DECREF(code);
        return PyErr_Format(PyExc_ImportError, "module %s does not inflate", text);
    }
    return Py_BuildValue("(NN)", PyBool_FromLong(entry->package), code);
}

PyObject *archive_names(void)
{
    PyObject *names = PyFrozenSet_New(NULL);
    for (int i = 0; names != NULL && i < COUNT; i++) {
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
